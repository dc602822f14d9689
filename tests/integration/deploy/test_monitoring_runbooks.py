"""What runbooks tell people to type exists, and their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from fleet.commands import app
from fleet.status import findings, runbooks
from tests.integration.deploy.monitoring_files import RUNBOOKS, alerts, blocks

_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_RUNBOOK = re.compile(r'"([a-z]+-[a-z-]+)"')
_HEADINGS = ("## Be sure", "## Mend it", "## It is mended when", "## Do not")
INDEX = RUNBOOKS[0].with_name("README.md")

every_runbook = pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)


@every_runbook
def test_a_runbook_says_what_is_seen_what_it_means_what_to_do_and_what_holds(page: Path) -> None:
    text = page.read_text()
    positions = [text.index(heading) for heading in _HEADINGS]
    assert positions == sorted(positions)
    assert "**You see**" in text
    assert "**Travellers**" in text
    assert "**What holds anyway**" in text


@pytest.mark.parametrize("page", [*RUNBOOKS, INDEX], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


@every_runbook
def test_every_command_of_a_runbook_exists(page: Path) -> None:
    lines = [line.strip() for block in blocks(page, "sh") for line in block.splitlines()]
    assert lines
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "./farelark"
        assert unknown_in(words) == [], line


def unknown_in(words: list[str]) -> list[str]:
    """What of a command line Farelark does not know: a command, or options of it."""
    command = get_command(app)
    while isinstance(command, TyperGroup) and words:
        name, *words = words
        if name not in command.commands:
            return [name]
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("-") and word not in known]


def test_a_command_that_does_not_exist_is_found() -> None:
    assert unknown_in(["dlq", "mend"]) == ["mend"]
    assert unknown_in(["status", "--twice"]) == ["--twice"]


def test_the_index_has_every_alert_beside_its_page() -> None:
    rows = [line for line in INDEX.read_text().splitlines() if line.startswith("| ")]
    for alert in alerts():
        page = Path(alert.annotations["runbook_url"]).name
        assert any(f"`{alert.name}`" in row and f"({page})" in row for row in rows), alert.name
    assert {page.name for page in RUNBOOKS} == {link for row in rows for link in _LINK.findall(row)}


def test_findings_of_status_lead_to_runbooks() -> None:
    files = [Path(findings.__file__), Path(runbooks.__file__)]
    named = [set(_RUNBOOK.findall(file.read_text())) for file in files]
    assert all(named)
    assert set().union(*named) <= {page.stem for page in RUNBOOKS}
