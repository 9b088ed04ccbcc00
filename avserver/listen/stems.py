"""A song taken apart as it is while it plays, written down, and compared with its true stems."""

from pathlib import Path

import numpy as np

from avserver.analysis.ear import SOURCES
from avserver.analysis.separation import Resynthesis, Separator
from avserver.audio.source import AudioSource, Samples
from avserver.audio.wav import write_wav
from avserver.errors import ConfigError
from avserver.listen.scores import si_sdr_db
from avserver.listen.songs import open_song

HOP = 256
BLOCK_S = 10.0  # samples are fetched in pieces of this
SILENT = 1e-3  # peak (-60 dB) of a stem that says nothing of how well it was found


def separate(source: AudioSource) -> dict[str, Samples]:
    """Return the mix and its stems, (n,) each: what a show hears, moved to where it belongs in time."""
    separator = Separator(source.sample_rate)
    resynthesis = Resynthesis(separator.frames, HOP)
    mix = []
    while not source.ended:
        mix.append(source.read(source.samples_read / source.sample_rate + BLOCK_S))
    whole = np.concatenate(mix)
    heard = np.concatenate([whole, np.zeros(resynthesis.delay + HOP, np.float32)])
    starts = range(0, heard.size - HOP + 1, HOP)
    stems = [resynthesis(separator(heard[start : start + HOP])) for start in starts]
    late = np.concatenate(stems, axis=1)
    sounds = late[:, resynthesis.delay : resynthesis.delay + whole.size]
    return {"mix": whole, **dict(zip(SOURCES, sounds, strict=True))}


def write_stems(folder: Path, stems: dict[str, Samples], sample_rate: int) -> None:
    """Write drums.wav, bass.wav and melody.wav (16 bit) into a folder that is made if it is not there."""
    folder.mkdir(exist_ok=True)
    for name in SOURCES:
        write_wav(folder / f"{name}.wav", stems[name], sample_rate=sample_rate)


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that stems cannot be written to. Raises ConfigError."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; stems are written into a folder")
    if not folder.parent.is_dir():
        raise ConfigError(f"there is no folder {folder.parent} to make {folder.name} in")
    there = [name for name in SOURCES if (folder / f"{name}.wav").exists()]
    if there and not force:
        raise ConfigError(f"{folder / there[0]}.wav exists; --force writes over it")


def gains_db(stems: dict[str, Samples], folder: Path, sample_rate: int) -> dict[str, float]:
    """Return how much nearer each stem is to the true one than the mix is (SI-SDR, dB).

    The true ones are the sounds in the folder that are called as the stems are. Those that are missing or next to
    silent are left out.
    """
    gains = {}
    for name in SOURCES:
        path = next(
            (folder / f"{name}{kind}" for kind in (".ogg", ".wav") if (folder / f"{name}{kind}").exists()), None
        )
        if path is None:
            continue
        with open_song(str(path), sample_rate) as source:
            true = source.read(stems["mix"].size / sample_rate)
        if np.abs(true).max() > SILENT:
            gains[f"{name} SI-SDR gain, dB"] = si_sdr_db(stems[name], true) - si_sdr_db(stems["mix"], true)
    return gains
