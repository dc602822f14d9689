"""Which parameters of a request Litestar refuses, by their names in the request.

It names them as the Python functions do that take them, and one that is missing only in its message.
"""

import re
from typing import Any

from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg

_MISSING = re.compile(r"Missing required \w+ parameter '(?P<name>[^']+)'")


def refused(error: ValidationException, handler: BaseRouteHandler) -> list[tuple[str, str]]:
    """The name of each, and what is wrong with it; an empty body has no name."""
    if missing := _MISSING.match(error.detail):
        return [(missing["name"], "is missing")]
    names = _names_in_requests(handler)
    extra: list[dict[str, Any]] = error.extra if isinstance(error.extra, list) else []
    keys = [fault.get("key", "") for fault in extra]
    return [(names.get(key, key), fault["message"]) for key, fault in zip(keys, extra, strict=True)]


def _names_in_requests(handler: BaseRouteHandler) -> dict[str, str]:
    """What the parameters of a handler and of its dependencies are called, where that is not as in Python."""
    providers = handler.resolve_dependencies().values()
    functions = [handler.parsed_fn_signature, *(provider.parsed_fn_signature for provider in providers)]
    parameters = [(name, field.kwarg_definition) for each in functions for name, field in each.parameters.items()]
    return {name: kwarg.name for name, kwarg in parameters if isinstance(kwarg, ParameterKwarg) and kwarg.name}
