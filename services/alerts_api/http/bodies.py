"""Request bodies are JSON, read strictly as what the handler declares.

Litestar's own way reads them untyped and converts laxly: `"5"` and `5.0` would pass for an integer.
"""

from typing import Any

import msgspec
from litestar import Request
from litestar.enums import HttpMethod, MediaType
from litestar.exceptions import ClientException, HTTPException, InternalServerException

from services.alerts_api.http.fields import InvalidFieldError

MAX_BODY_BYTES = 64 * 1024
_MERGE_PATCH = "application/merge-patch+json"


class UnsupportedMediaTypeError(HTTPException):
    """The body is not JSON by its own account."""

    status_code = 415


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body msgspec decodes as the type of the handler's `data`."""

    async def json(self) -> Any:  # noqa: ANN401 - what the handler declares
        """The body.

        Raises:
            UnsupportedMediaTypeError: the content type is not application/json, or for a PATCH that of a merge patch.
            ClientException: this is no JSON, or was cut short.
            InvalidFieldError: it is JSON of another shape.
        """
        accepted = {MediaType.JSON, _MERGE_PATCH} if self.method == HttpMethod.PATCH else {MediaType.JSON}
        if self.content_type[0] not in accepted:
            raise UnsupportedMediaTypeError("send the body as application/json")
        body = await self.body()
        try:
            return msgspec.json.decode(body, type=self._declared())
        except msgspec.ValidationError as error:
            raise InvalidFieldError.from_msgspec(error) from error
        except (ValueError, RecursionError) as error:
            raise ClientException("the body is no JSON in UTF-8") from error

    async def body(self) -> bytes:
        """The bytes of the body.

        Raises:
            ClientException: it was cut short, for which Litestar takes the blame.
        """
        try:
            return await super().body()
        except InternalServerException as error:
            raise ClientException("the body ended before it was whole") from error

    def _declared(self) -> Any:  # noqa: ANN401 - a type, in one of its many forms
        field = self.route_handler.parsed_data_field
        assert field, "Litestar asks for the body of handlers with `data` only"
        return field.annotation
