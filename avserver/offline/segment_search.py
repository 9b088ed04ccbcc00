"""SegmentSearch: the tempo segments of a song, found in a process of its own.

It computes with a framework, which takes seconds to come in and memory to stay; a show has neither to give. Meanwhile
the model loads.
"""

import contextlib
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from avserver.errors import AvserverError, RenderError, UserError
from avserver.generator.worker import describe_exit
from avserver.offline.tempo_segment import Segment


class SegmentSearch:
    """Searches from the time it is made on; the process is gone when this is left.

    Args:
        song: a file of one of the formats of FileSource.
        recurring: a tempo that comes back has its old index.
    """

    def __init__(self, song: str | Path, *, recurring: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_search, args=(there, song, recurring), name="avserver-segments", daemon=True
        )
        self._process.start()
        there.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def segments(self) -> list[Segment]:
        """Wait for what is found, and return it; call it once.

        Raises AudioError if the song cannot be read, and RenderError if the process ended.
        """
        try:
            found: list[Segment] | AvserverError = self._pipe.recv()
        except EOFError as err:
            self._process.join()
            how = describe_exit(self._process.exitcode)
            raise RenderError(f"the search for tempo segments ended ({how}); --live-like goes without it") from err
        if isinstance(found, AvserverError):
            raise found
        return found


def _search(pipe: Connection, song: str | Path, recurring: bool) -> None:
    # Ctrl-C reaches every process of the terminal; only the one that renders decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the GPU and its memory are for drawing
    from avserver.offline.segments import find  # noqa: PLC0415  (the framework comes in here)

    with contextlib.suppress(BrokenPipeError):
        try:
            pipe.send(find(song, recurring=recurring))
        except UserError as err:
            pipe.send(err)
