"""`avserver bench ndi`: what an NDI output takes of the processor, beside what NDI itself takes.

Three processes: a real receiver; an output that is sent new pictures; and, for comparison, a loop that hands NDI
pictures which are UYVY already. The last two take turns, so that a machine that gets slower meanwhile slows both.
"""

import logging
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from avserver.bench.report import Report
from avserver.errors import AvserverError
from avserver.frame import Frame
from avserver.outputs.ndi import NdiOutput
from avserver.outputs.ndi_receiver import NdiReceiver
from avserver.outputs.ndi_runtime import start_ndi
from avserver.outputs.settings import NdiSettings
from avserver.outputs.uyvy import UyvyMaker

_LOG = logging.getLogger(__name__)

_WIDTH_PX, _HEIGHT_PX, _FPS = 1920, 1080, 30.0
_PICTURES = 8  # that follow each other, over and over
_ROUNDS = 2
_PATIENCE_S = 20.0
_SOURCE = "avserver bench"


def bench_ndi(report: Report, *, duration_s: float) -> None:
    """Measure 1080p as UYVY at 30 frames a second. `duration_s` is for all parts together."""
    each_s = duration_s / (2 * _ROUNDS)
    _LOG.info("sending to a receiver, %d times %g s", 2 * _ROUNDS, each_s)
    measured = [(_measured(_send_frames, each_s), _measured(_send_bare, each_s)) for _ in range(_ROUNDS)]
    ours, bare = zip(*measured, strict=True)
    group = f"NDI, {_WIDTH_PX}x{_HEIGHT_PX} UYVY at {_FPS:g} fps"
    for name, runs in (("avserver", ours), ("NDI alone", bare)):
        report.add(group, f"{name}: received (fps)", statistics.mean(run["fps"] for run in runs))
        report.add(group, f"{name}: CPU (ms a frame)", statistics.mean(run["cpu_ms"] for run in runs))
    beyond_ms = statistics.mean(one["cpu_ms"] - other["cpu_ms"] for one, other in measured)
    report.add(group, "avserver beyond NDI alone (% of one core)", 100 * beyond_ms / 1e3 * _FPS)


def _measured(send: Callable[[Connection, float], None], duration_s: float) -> dict[str, float]:
    """Return frames a second at a receiver, and what a frame costs the sending process of the processor (ms)."""
    context = multiprocessing.get_context("spawn")
    sender, its_sender = context.Pipe()
    receiver, its_receiver = context.Pipe()
    processes = [
        context.Process(target=send, args=(its_sender, duration_s), daemon=True),
        context.Process(target=_receive, args=(its_receiver,), daemon=True),
    ]
    for process in processes:
        process.start()
    its_sender.close()
    its_receiver.close()
    try:
        receiver.send(_answer(sender, _PATIENCE_S))  # the source's name
        cpu_ms = _answer(sender, _PATIENCE_S + duration_s)
        receiver.send(None)
        return {"cpu_ms": cpu_ms, "fps": _answer(receiver, _PATIENCE_S)}
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _answer(pipe: Connection, patience_s: float) -> Any:
    try:
        if pipe.poll(patience_s):
            return pipe.recv()
    except EOFError:
        pass
    raise AvserverError("a process of the bench ended before it was done, or hangs")


def _send_frames(pipe: Connection, duration_s: float) -> None:
    """Send pictures through an output, as a show does. Runs in a process of its own."""
    pictures = _pictures()
    with NdiOutput(NdiSettings(source=_SOURCE), "ndi", _FPS) as output:

        def send(number: int) -> int:
            output.send(Frame(pixels=pictures[number % _PICTURES], index=number, t_s=number / _FPS))
            return output.sent if output.status()["connections"] else 0

        pipe.send(output.source)
        pipe.send(_cpu_ms(send, duration_s))


def _send_bare(pipe: Connection, duration_s: float) -> None:
    """Send the same pictures, which are UYVY already, with nothing but NDI. Runs in a process of its own."""
    ndi, maker = start_ndi(), UyvyMaker()
    buffers = [np.empty((_HEIGHT_PX, _WIDTH_PX, 2), np.uint8) for _ in range(_PICTURES)]
    for picture, buffer in zip(_pictures(), buffers, strict=True):
        maker(picture, buffer)
    create = ndi.SendCreate()
    create.ndi_name, create.clock_video = _SOURCE, False
    instance, video = ndi.send_create(create), ndi.VideoFrameV2()
    video.FourCC = ndi.FOURCC_VIDEO_TYPE_UYVY
    video.frame_rate_N, video.frame_rate_D = int(_FPS), 1
    video.timecode = ndi.SEND_TIMECODE_SYNTHESIZE

    def send(number: int) -> int:
        video.data = buffers[number % _PICTURES]
        ndi.send_send_video_v2(instance, video)
        return number + 1 if ndi.send_get_no_connections(instance, 0) else 0

    pipe.send(ndi.send_get_source_name(instance).ndi_name)
    pipe.send(_cpu_ms(send, duration_s))
    ndi.send_destroy(instance)


def _cpu_ms(send: Callable[[int], int], duration_s: float) -> float:
    """Send at the rate until there is a receiver, and then for the time; return what a frame costs (ms of CPU).

    `send` returns how many frames NDI has had, 0 as long as there is no receiver. A busy machine has no time for some.
    """
    number, first, due_s = 0, 0, time.monotonic()
    start_s = cpu_s = 0.0
    while not first or due_s < start_s + duration_s:
        due_s += 1 / _FPS
        time.sleep(max(0.0, due_s - time.monotonic()))
        sent = send(number)
        number += 1
        if sent and not first:
            first, start_s, cpu_s = sent, time.monotonic(), time.process_time()
    return 1e3 * (time.process_time() - cpu_s) / (sent - first)


def _receive(pipe: Connection) -> None:
    """Receive from the source whose name comes first, until told to stop; return frames a second. In its process."""
    times_s = []
    with NdiReceiver(pipe.recv(), patience_s=_PATIENCE_S) as receiver:
        while not pipe.poll():
            if receiver.receive(0.1) is not None:
                times_s.append(time.monotonic())
    pipe.send((len(times_s) - 1) / (times_s[-1] - times_s[0]) if len(times_s) > 1 else 0.0)


def _pictures() -> list[npt.NDArray[np.uint8]]:
    """Return pictures with as much to compress as a show's: soft shapes and some grain, moving."""
    rng = np.random.default_rng(0)
    shapes = rng.integers(0, 256, (17, 30, 3), np.uint8)
    soft: npt.NDArray[Any] = cv2.resize(shapes, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(-8, 9, soft.shape, np.int16)
    whole = np.clip(soft + grain, 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(np.roll(whole, 40 * number, axis=1)) for number in range(_PICTURES)]
