"""The command line finds every command, and imports no more than the one that is called."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fleet.addresses import REPOSITORY
from fleet.commands import app

_SHOW_IMPORTED = """
import sys
from fleet.commands import app
app(sys.argv[1:], standalone_mode=False)
print(*sorted(sys.modules), sep="\\n")
"""


def helped(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], prog_name="./farelark")
    assert result.exit_code == 0
    return result.output


def test_help_tells_of_every_command_by_its_name() -> None:
    commands = [line.split()[1] for line in helped().splitlines() if line.startswith("│ ") and line[2] != " "]
    assert commands == [
        *("--help", "up", "demo", "replay", "drain", "status", "operate", "migrate", "partitions", "secrets", "check"),
        *("plot", "test", "bench", "rates", "keys", "dlq", "pushes", "topology", "shards"),
    ]
    for command in commands[1:]:
        assert f"./farelark {command} " in helped(command)


def test_a_mistyped_command_is_answered_by_the_one_that_may_be_meant() -> None:
    result = CliRunner().invoke(app, ["statsu"])
    assert result.exit_code == 2
    assert "Did you mean 'status'?" in result.output


@pytest.mark.parametrize("command", ["status", "drain", "replay", "up"])
def test_what_a_command_does_not_need_is_not_imported(command: str) -> None:
    argv = [sys.executable, "-c", _SHOW_IMPORTED, command, "--help"]
    ended = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    imported = ended.stdout.splitlines()
    assert "fleet.commands" in imported
    assert not [name for name in imported if name.startswith(("fleet.bench", "fleet.demo", "fleet.generator"))]
