"""Trials: what needs a framework runs in a process of its own, which may crash without taking the doctor along."""

import functools
import json
import signal
import subprocess
import sys
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from avserver.errors import AvserverError

# Slow disks take long to import a framework, large models to be compiled.
_PATIENCE_S = 300.0
_RUN_S = 3.0


class TrialFailed(AvserverError):  # noqa: N818  (reads as what happened)
    """The process ended before it was done; the message is the last that it wrote."""


@functools.cache
def try_out(what: str, *arguments: str) -> dict[str, Any]:
    """Run a trial in another process: `framework`, or `speed` with MODEL WIDTH HEIGHT THREADS.

    Returns what it found out. Raises TrialFailed.
    """
    command = [sys.executable, "-m", __name__, what, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as err:
        raise TrialFailed(f"it is not done after {_PATIENCE_S:g} s") from err
    if done.returncode < 0:
        raise TrialFailed(f"the process was ended by {signal.Signals(-done.returncode).name}")
    if done.returncode:
        raise TrialFailed((done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _framework() -> dict[str, Any]:
    """Return what draws: Keras, the framework below it, and the GPUs that it sees."""
    from avserver.framework import keras  # noqa: PLC0415  (takes seconds)

    backend = keras.config.backend()
    try:
        backend_version = version(backend)
    except PackageNotFoundError:  # a build of its own name, such as tensorflow-cpu
        backend_version = ""
    return {"keras": keras.__version__, "backend": backend, "version": backend_version, "gpus": _gpus(backend)}


def _gpus(backend: str) -> int:
    match backend:
        case "tensorflow":
            return len(import_module(backend).config.list_physical_devices("GPU"))
        case "jax":
            return sum(device.platform == "gpu" for device in import_module(backend).devices())
        case "torch":
            return int(import_module(backend).cuda.device_count())
    return 0


def _speed(model: str, width_px: str, height_px: str, threads: str) -> dict[str, Any]:
    """Draw moving pictures for some seconds; return how many a second."""
    from avserver.frame_spec import FrameSpec, LatentTerm, NoiseLevel  # noqa: PLC0415
    from avserver.generator.renderer import Renderer  # noqa: PLC0415

    renderer = Renderer(model, size=(int(width_px), int(height_px)), threads=int(threads))
    renderer.warm_up()
    config = renderer.config
    frames, start_s = 0, time.monotonic()
    while (passed_s := time.monotonic() - start_s) < _RUN_S:
        share = frames % 30 / 30
        renderer.render(
            FrameSpec(
                index=frames,
                t_s=passed_s,
                latents=(LatentTerm((0, config.num_ws), (1, 2), (1 - share, share)),),
                noise=tuple(NoiseLevel(px, frames / 10, 0.5, share) for px in config.noise_resolutions),
            )
        )
        frames += 1
    return {"fps": frames / passed_s, "precision": renderer.precision}


def main(what: str, *arguments: str) -> None:
    """Run a trial, and write what it finds out as the last line."""
    found = _framework() if what == "framework" else _speed(*arguments)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AvserverError as err:
        sys.exit(str(err))
