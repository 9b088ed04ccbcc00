"""Facts: what a film is made of, in short, so that it is not gone on with as another one."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from avserver.audio.catalogue import DEMO_FILE
from avserver.audio.source_name import DEMO
from avserver.bundled import mapping_path, model_path
from avserver.config import Show

# The sections of a show that say what is seen or heard in a film.
_SECTIONS = ("frame", "audio", "model", "mapping", "presets", "recording")
# What they have beside: files go by what is in them, a film is written elsewhere, and threads draw the same.
_BESIDE = {
    "audio": ("source", "loop"),
    "model": ("path", "also", "partner", "threads"),
    "mapping": ("path", "also"),
    "presets": ("path",),
    "recording": ("path", "folder", "container", "overwrite"),
}


def facts(song: str, show: Show, asked: object) -> dict[str, str]:
    """Return what a film depends on by what people call it; equal facts make equal films.

    Args:
        song: a file, or `demo`.
        show: everything else.
        asked: what else was asked for; anything that JSON knows.
    """
    models = [show.model.path, *show.model.also, *([show.model.partner] if show.model.partner else [])]
    presets = sorted(Path(show.presets.path).glob("*")) if show.presets.start else []
    return {
        "version of avserver": version("avserver"),
        "song": _digest([Path(DEMO_FILE if song == DEMO else song)]),
        "model": _digest(model_path(name) for name in models),
        "set of look-up tables": _digest(Path(name) for name in show.grade.luts),
        "mapping": _digest(mapping_path(name) for name in (show.mapping.path, *show.mapping.also)),
        "preset": _digest(path for path in presets if path.is_file()),
        "settings": json.dumps([_settings(show), asked], sort_keys=True),
    }


def _settings(show: Show) -> dict[str, object]:
    settings: dict[str, object] = {}
    for section in _SECTIONS:
        values = dataclasses.asdict(getattr(show, section))
        for name in _BESIDE.get(section, ()):
            values.pop(name, None)
        settings[section] = values
    return settings


def _digest(paths: Iterable[Path]) -> str:
    """Return a digest of what is in files, whatever they are called."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return " ".join(digests)
