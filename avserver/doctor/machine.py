"""What draws and encodes: Python, the framework, the GPU, the encoders of video."""

import platform
import shutil
import subprocess
import sys

from avserver.doctor.finding import Check, Finding, State
from avserver.doctor.trial import TrialFailed, try_out

_OLDEST, _TOO_NEW = (3, 11), (3, 14)


def machine_checks() -> list[Check]:
    """Return the checks of this module."""
    return [
        Check("Python", _python, needed=True),
        Check("framework", _framework, needed=True),
        Check("GPU", _gpu),
        Check("encoder libx264", lambda: _encoder("libx264", "pip install av, whose wheels bring it")),
        Check("encoder h264_nvenc", lambda: _encoder("h264_nvenc", "video is encoded by the CPU (libx264)")),
    ]


def _python() -> Finding:
    if _OLDEST <= sys.version_info[:2] < _TOO_NEW:
        return Finding(State.OK, platform.python_version())
    return Finding(State.BROKEN, platform.python_version(), "install Python 3.11, 3.12 or 3.13")


def _framework() -> Finding:
    try:
        found = try_out("framework")
    except TrialFailed as err:
        missing = "ModuleNotFoundError" in str(err)
        return Finding(
            State.MISSING if missing else State.BROKEN,
            str(err),
            "install avserver anew, with the extra that KERAS_BACKEND names (jax, torch; none for tensorflow)",
        )
    return Finding(State.OK, f"{found['backend']} {found['version']}, Keras {found['keras']}")


def _gpu() -> Finding:
    cards = _cards()
    try:
        seen = int(try_out("framework")["gpus"])
    except TrialFailed:
        seen = 0
    if seen:
        return Finding(State.OK, cards or f"{seen}, as the framework tells")
    if cards:
        return Finding(State.BROKEN, f"{cards}; the framework does not see it", "pip install avserver[cuda]")
    return Finding(State.MISSING, "no GPU", "the CPU draws, fast enough for small models; nothing is to be done")


def _cards() -> str:
    """Return what NVIDIA's driver says of its GPUs and their memory; empty if there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    question = [program, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader"]
    done = subprocess.run(question, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        return ""
    cards = [line.split(", ") for line in done.stdout.strip().splitlines()]
    return "; ".join(f"{name}, {total}, {free} free" for name, total, free in cards)


def _encoder(name: str, advice: str) -> Finding:
    """Open an encoder: that a library knows its name says nothing about the hardware."""
    import av  # noqa: PLC0415  (only this check needs it)

    if name not in av.codecs_available:
        return Finding(State.MISSING, f"FFmpeg {av.ffmpeg_version_info} does not have it", advice)
    codec = av.CodecContext.create(name, "w")
    codec.width, codec.height, codec.pix_fmt, codec.framerate = 256, 256, "yuv420p", 30
    try:
        codec.open()
    except (av.FFmpegError, OSError) as err:
        return Finding(State.MISSING, f"it cannot be opened here ({err})", advice)
    return Finding(State.OK, f"FFmpeg {av.ffmpeg_version_info}")
