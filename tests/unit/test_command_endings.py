"""How commands end: what went wrong is told in a sentence, and folders go unless their logs are of use."""

from contextlib import AbstractContextManager, nullcontext
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from fleet.commands.surroundings import passing_folder, reporting
from fleet.servers.errors import InstallError
from shared.errors import ConfigurationError, UnavailableError


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConfigurationError("name a shard"), "farelark: name a shard"),
        (InstallError("no network"), "farelark: no network"),
        (ExceptionGroup("tasks", [UnavailableError("redis")]), "farelark: redis is unavailable"),
        (
            ExceptionGroup("", [UnavailableError("a"), ExceptionGroup("", [UnavailableError("a"), InstallError("b")])]),
            "farelark: a is unavailable; b",
        ),
    ],
)
def test_what_a_person_can_mend_is_told_in_a_sentence(error: Exception, sentence: str) -> None:
    with pytest.raises(SystemExit) as ended, reporting():
        raise error
    assert ended.value.code == sentence


@pytest.mark.parametrize("error", [KeyError("x"), ExceptionGroup("", [UnavailableError("redis"), KeyError("x")])])
def test_a_fault_of_ours_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)) as ended, reporting():
        raise error
    assert ended.value is error


@pytest.mark.parametrize("error", [UnavailableError("redis"), ExceptionGroup("", [KeyError("x")])])
def test_the_folder_of_a_command_that_failed_is_kept_for_its_logs(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told = StringIO()
    with pytest.raises(type(error)), passing_folder(Console(file=told, soft_wrap=True)) as folder:
        raise error
    assert folder.is_dir()
    assert str(folder / "logs") in told.getvalue()


@pytest.mark.parametrize(
    ("end", "outcome"), [(None, nullcontext()), (KeyboardInterrupt(), pytest.raises(KeyboardInterrupt))]
)
def test_the_folder_of_a_command_that_ended_or_was_stopped_goes(
    end: KeyboardInterrupt | None,
    outcome: AbstractContextManager[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with outcome, passing_folder(Console(file=StringIO())) as folder:
        assert folder.is_dir()
        if end:
            raise end
    assert list(tmp_path.iterdir()) == []
