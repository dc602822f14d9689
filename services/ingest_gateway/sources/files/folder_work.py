"""The work of a folder: each file in it that has been written to its end is given away, piece by piece."""

import asyncio
from pathlib import Path

import structlog

from services.ingest_gateway.sources.files.folder import Folder
from services.ingest_gateway.sources.files.pieces import pieces_of
from services.ingest_gateway.sources.giving import Giving, Taker
from services.ingest_gateway.sources.halt import HaltedError
from services.ingest_gateway.sources.settings import FolderSettings
from services.ingest_gateway.sources.source_cycle import Ended, SourceCycle
from shared.errors import UnreadableError
from shared.sweeps import SweepEnding

log = structlog.get_logger()


class FolderWork:
    """Gives away the files of one folder. One that a crash leaves half read is read again: that does no harm.

    Args:
        source: which folder it is.
        intake: takes the fares.
        first_wait_s: while the intake takes nothing, in seconds; twice as long each further time.
    """

    def __init__(self, source: FolderSettings, intake: Taker, first_wait_s: float = 1.0) -> None:
        self._source = source
        self._intake = intake
        self._first_wait_s = first_wait_s
        self._folder = Folder(source.folder, source.files)
        self._whole: list[Path] = []

    async def waits(self) -> bool:
        """Look into the folder."""
        try:
            self._whole = await asyncio.to_thread(self._folder.whole)
        except OSError as error:
            log.error(  # noqa: TRY400  # the error's own words say it all
                "folder_unreadable",
                source=self._source.name,
                folder=str(self._source.folder),
                error=error.strerror,
                what_to_do="let the gateway read it, or take the source out of the sources file",
            )
            self._whole = []
        return bool(self._whole)

    async def run(self, cycle: SourceCycle) -> Ended:
        """Give away what was found there."""
        giving = Giving(self._intake, self._source.lane, cycle, self._first_wait_s)
        for path in self._whole:
            cycle.halt.check()
            cycle.counts.requests += 1
            await self._take(path, giving, cycle)
        return Ended(SweepEnding.COMPLETE)

    async def _take(self, path: Path, giving: Giving, cycle: SourceCycle) -> None:
        try:
            await self._give(path, giving, cycle)
        except HaltedError:
            raise
        except UnreadableError as error:
            log.warning("file_unreadable", source=self._source.name, file=path.name, error=str(error))
            self._fail(path, cycle, str(error))
        except Exception as error:  # a fault of ours over one file must not keep the others from being read
            log.exception("file_failed", source=self._source.name, file=path.name)
            self._fail(path, cycle, f"unexpected {type(error).__name__}: the gateway's log says more")
        else:
            self._finish(path)

    async def _give(self, path: Path, giving: Giving, cycle: SourceCycle) -> None:
        pieces = pieces_of(path, self._source.name)
        try:
            while piece := await asyncio.to_thread(next, pieces, None):
                giving.set_aside(piece.set_aside)
                await giving.give_rows(piece.rows)
                cycle.halt.check()
        finally:
            pieces.close()

    def _fail(self, path: Path, cycle: SourceCycle, reason: str) -> None:
        cycle.counts.failed += 1
        self._folder.failed(path, reason)

    def _finish(self, path: Path) -> None:
        if self._folder.is_as_seen(path):
            self._folder.done(path)
        else:  # written to meanwhile: it is read again once it is whole
            log.warning("file_changed", source=self._source.name, file=path.name)
