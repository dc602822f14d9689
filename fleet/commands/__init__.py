"""The commands of `./farelark`: each is a few lines, what they do lives in the modules they call.

Each is imported once it is called, or asked for help: whoever looks at `status` shall not wait for the benches.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, Final, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

# Each command, or group of commands, and where it is.
_HOMES: Final = {
    "up": "running.up",
    "demo": "demonstrating.demo",
    "replay": "replaying.replay",
    "drain": "draining.drain",
    "status": "watching.status",
    "operate": "operating.operate",
    "migrate": "migrating.migrate",
    "partitions": "partitioning.partitions",
    "secrets": "secrets.secrets",
    "check": "developing.check",
    "plot": "monitoring.plot_dashboard",
    "test": "developing.test",
    "bench": "benches.bench",
    "rates": "exchange_rates.rates",
    "keys": "token_keys.keys",
    "dlq": "dead_letters.dlq",
    "pushes": "pushing.pushes",
    "topology": "topology.topology",
    "shards": "sharding.shards",
}
_PASSES_ARGUMENTS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
_SETTINGS: Final = {"test": _PASSES_ARGUMENTS_ON}


class _OnDemand(Mapping[str, Any]):
    """All commands by name; one that is looked up is imported."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # click's command, of which typer has a private copy
        module, _, attribute = _HOMES[name].partition(".")
        command = getattr(import_module(f"fleet.commands.{module}"), attribute)
        made = get_group(command) if isinstance(command, typer.Typer) else _alone(command, name)
        made.name = name
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


def _alone(function: Callable[..., None], name: str) -> Any:  # noqa: ANN401  # as above
    made = typer.Typer(add_completion=False)
    made.command(context_settings=_SETTINGS.get(name))(function)
    return get_command(made)


class _Commands(TyperGroup):
    """A group whose commands are there on demand."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  # as typer gives them
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Any]", _OnDemand())


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def farelark() -> None:
    """Farelark: flight-price alerts, from fares in to pushes out."""
