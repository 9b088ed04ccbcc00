"""`avserver bench generator`: drawing alone, against a plain evaluation of the same network on the same machine.

Plain means: float32, operation by operation, on as many threads. Both are timed in one process, in turns, since
machines are noisy; ratios hold where milliseconds don't. The first frame is timed from the start of a real worker
process, with nothing kept from earlier starts and then with what the first start left.
"""

import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from avserver.bench.report import Report
from avserver.bundled import model_path
from avserver.errors import AvserverError
from avserver.frame_ring import FrameRing
from avserver.frame_spec import Bend, BendSlot, FrameSpec, LatentTerm, NoiseLevel
from avserver.generator.architecture import Layer, NetworkConfig
from avserver.generator.checkpoint import inspect
from avserver.generator.compile_cache import VARIABLE
from avserver.generator.role import Role
from avserver.generator.worker import RenderWorker, WorkerSettings, WorkerState

_LOG = logging.getLogger(__name__)

_PATIENCE_S = 300.0
_ROUNDS = 5  # in which compiled and plain frames take turns
_MATRIX = 1024  # a side of the matrices whose product tells what the machine can do
_BENT_PX, _BENT_CHANNELS = 128, 64  # of the layer that a warp is timed on
_NOISY_PX = 512  # of the network whose noise is timed


def bench_generator(report: Report, *, model: str, frames: int, threads: int = 1) -> None:
    """Measure a model: speed, work, memory, first frame. `frames` are timed, drawn with `threads` of the CPU."""
    path = model_path(model)
    config = inspect(path)
    report.add("model", "file", path.name)
    report.add("model", "resolution (px)", config.resolution)
    report.add("model", "threads", threads)
    _LOG.info("starting workers")
    with tempfile.TemporaryDirectory(prefix="avserver-bench-") as folder:
        kept = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = folder
        try:
            report.add("first frame", "first start (s)", _first_frame_s(path, config))
            report.add("first frame", "second start (s)", _first_frame_s(path, config))
        finally:
            if kept is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = kept
    _LOG.info("drawing %d frames, and some of them plainly", frames)
    measured = _in_another_process(path, frames, threads)
    gflop = work_gflop(config)
    ms = measured["ms"]
    report.add("speed", "backend and precision", f"{measured['backend']} {measured['precision']}")
    report.add("speed", "frame, median (ms)", ms)
    report.add("speed", "frame, 95th percentile (ms)", measured["ms_95"])
    report.add("speed", "frames a second", 1e3 / ms)
    report.add("speed", "plain float32 evaluation (ms)", measured["plain_ms"])
    report.add("speed", "times as fast as plain", measured["plain_ms"] / ms)
    report.add("work", "convolutions (GFLOP a frame)", gflop)
    report.add("work", "matrix product (GFLOP/s)", measured["matmul_gflops"])
    report.add("work", "share of the matrix product's rate (%)", 100 * gflop / (ms / 1e3) / measured["matmul_gflops"])
    report.add("parts", f"affine warp at {_BENT_PX}x{_BENT_PX}x{_BENT_CHANNELS} (ms)", measured["warp_ms"])
    report.add("parts", f"noise of all layers at {_NOISY_PX} px (ms)", measured["noise_ms"])
    report.add("memory", "process (MB)", measured["rss_mb"])


def work_gflop(config: NetworkConfig) -> float:
    """Return what the convolutions of one picture cost (GFLOP; a multiplication and an addition are two)."""
    sizes = {f"synthesis.{layer.name}": layer.at("before").size for layer in config.layers}
    total = 0.0
    for name, shape in config.parameter_shapes().items():
        layer = name.removesuffix(".weight")
        if len(shape) != 4 or layer not in sizes:
            continue
        # A doubling convolution is a transposed one: it multiplies at each sample of its input.
        size = sizes[layer] / 2 if layer.endswith("conv0") else sizes[layer]
        total += 2 * float(np.prod(shape)) * size**2
    return total / 1e9


def _first_frame_s(path: Path, config: NetworkConfig) -> float:
    """Return how long a worker takes from its start to its first frame."""
    ring = FrameRing.create(width_px=config.resolution, height_px=config.resolution)
    worker = RenderWorker(WorkerSettings(Role(path.name, path, config.shape), None, ring.name), ring)
    start_s = time.monotonic()
    worker.start()
    try:
        while worker.state is not WorkerState.PLAYING:
            wait([worker.connection] if worker.connection else [], 0.01)
            worker.poll(time.monotonic())
            if worker.last_complaint or time.monotonic() - start_s > _PATIENCE_S:
                raise AvserverError(f"the worker did not start: {worker.last_complaint or 'it took too long'}")
        return time.monotonic() - start_s
    finally:
        worker.close()


def _in_another_process(path: Path, frames: int, threads: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(there, path, frames, threads))
    process.start()
    there.close()
    try:
        measured: dict[str, Any] = here.recv()
    except EOFError as err:
        raise AvserverError("the measuring process ended before it was done") from err
    finally:
        process.join()
    return measured


def _measure(pipe: Connection, path: Path, frames: int, threads: int) -> None:
    from avserver.generator import backend  # noqa: PLC0415  (the framework comes in here)
    from avserver.generator.renderer import Renderer  # noqa: PLC0415

    renderer, plain = Renderer(path, threads=threads), Renderer(path, threads=threads, precision="float32")
    specs = [_spec(renderer.config, index) for index in range(frames)]
    for spec in specs[:3]:
        renderer.render(spec)
    rss_mb = psutil.Process().memory_info().rss / 1e6
    times, plain_times = [], []
    for number in range(_ROUNDS):
        times += [_timed_ms(renderer.render, spec) for spec in specs[number::_ROUNDS]]
        with backend.eagerly():
            if number == 0:
                plain.render(specs[0])
            plain_times.append(_timed_ms(plain.render, specs[0]))
    pipe.send(
        {
            "backend": backend.name(),
            "precision": renderer.precision,
            "ms": float(np.median(times)),
            "ms_95": float(np.percentile(times, 95)),
            "plain_ms": float(np.median(plain_times)),
            "matmul_gflops": _matmul_gflops(renderer.precision),
            "warp_ms": _warp_ms(),
            "noise_ms": _noise_ms(),
            "rss_mb": rss_mb,
        }
    )


def _spec(config: NetworkConfig, index: int) -> FrameSpec:
    """Return a frame of a show in which everything moves."""
    share = index % 30 / 30
    return FrameSpec(
        index=index,
        t_s=index / 30,
        latents=(LatentTerm((0, config.num_ws), (1, 2), (1 - share, share)),),
        noise=tuple(NoiseLevel(px, index / 10, 0.5, share) for px in config.noise_resolutions),
    )


def _timed_ms(function: Callable[..., Any], *arguments: Any) -> float:
    start_s = time.perf_counter()
    function(*arguments)
    return 1e3 * (time.perf_counter() - start_s)


def _median_ms(function: Callable[..., Any], *arguments: Any) -> float:
    """Return how long a compiled function takes (ms), its first runs not counted."""
    from avserver.generator import backend  # noqa: PLC0415

    def run() -> None:
        backend.to_numpy(function(*arguments))

    for _ in range(3):
        run()
    return float(np.median([_timed_ms(run) for _ in range(30)]))


def _matmul_gflops(precision: str) -> float:
    """Return the rate of a large matrix product in the precision of the convolutions (GFLOP/s)."""
    from avserver.generator.backend import ops, program  # noqa: PLC0415

    matrix = np.random.default_rng(0).standard_normal((_MATRIX, _MATRIX)).astype(np.float32)

    def multiply(x: Any) -> Any:
        y = ops.cast(x, precision)
        for _ in range(4):
            y = ops.matmul(y, ops.cast(ops.convert_to_tensor(matrix), precision)) * (1 / 32)
        return ops.cast(y[:1, :1], "float32")

    return 4 * 2 * _MATRIX**3 / 1e6 / _median_ms(program(multiply), matrix)


def _warp_ms() -> float:
    """Return what an affine bend adds to a program that hands its input through (ms)."""
    from avserver.generator.backend import program, stage  # noqa: PLC0415
    from avserver.generator.bending import BendPlan  # noqa: PLC0415

    layer = Layer("b128.conv1", _BENT_PX, _BENT_PX, _BENT_CHANNELS)
    plan = BendPlan([BendSlot(layer.name, "rotate")], [layer], _no_activations)
    values = plan.values([Bend(layer.name, "rotate", (20.0,))])
    x = np.random.default_rng(0).standard_normal((1, _BENT_PX, _BENT_PX, _BENT_CHANNELS)).astype(np.float32)

    def bend(x: Any, values: Any) -> Any:
        bending = plan.begin(values)
        return stage(lambda x: bending(x, layer.name))(x)

    through = stage(lambda x, values: x + values[0])
    bent, unbent = program(bend), program(through)
    # In turns, so that a machine that gets slower meanwhile slows both; in noise the difference can still be below 0.
    return float(np.median([_median_ms(bent, x, values) - _median_ms(unbent, x, values) for _ in range(_ROUNDS)]))


def _no_activations(layer: str, place: str) -> Any:
    raise AvserverError(f"nobody looks at {layer} {place} its nonlinearity here")


def _noise_ms() -> float:
    """Return what it costs to mix the fields of all layers of a StyleGAN2 (ms)."""
    from avserver.generator.backend import ops, program, stage  # noqa: PLC0415
    from avserver.generator.noise_fields import FIELDS  # noqa: PLC0415

    rng = np.random.default_rng(0)
    sides = [side for power in range(2, _NOISY_PX.bit_length()) for side in [2**power] * (2 if power > 2 else 1)]
    layers = [rng.standard_normal((FIELDS, side, side)).astype(np.float32) for side in sides]

    def mix(weights: Any) -> Any:
        fields = [ops.convert_to_tensor(layer) for layer in layers]
        return [sum(field[k] * weights[i, k] for k in range(FIELDS)) for i, field in enumerate(fields)]

    mixed = program(stage(mix))
    return _median_ms(lambda weights: mixed(weights)[0], rng.standard_normal((len(layers), FIELDS)).astype(np.float32))
