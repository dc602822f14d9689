"""A watched folder that cannot be looked into says so, and a file that finds no place is left with a reason."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.ingest_gateway.sources.files.folder import Folder


def test_a_folder_that_is_gone_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Folder(tmp_path / "gone", "*").whole()


def test_a_file_whose_name_leaves_no_room_for_a_number_is_left_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / f"{'a' * 251}.csv"
    for path in (file, tmp_path / "done" / file.name):
        path.parent.mkdir(exist_ok=True)
        path.write_text("fares")
    folder = Folder(tmp_path, "*.csv")
    assert [folder.whole(), folder.whole()] == [[], [file]]
    with capture_logs() as logs:
        folder.done(file)
    assert [entry["event"] for entry in logs] == ["file_left"]
    assert folder.whole() == []


def test_a_reason_that_cannot_be_written_is_said_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "fares.csv"
    file.write_text("no fares")
    (tmp_path / "failed" / "fares.csv.reason").mkdir(parents=True)
    with capture_logs() as logs:
        Folder(tmp_path, "*.csv").failed(file, "no row is a fare")
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("reason_not_written", "no row is a fare")]
    assert (tmp_path / "failed" / file.name).exists()
