"""Shards: pictures in tar files, as WebDataset names them: `00000012.png` and `00000012.json` belong together.

A shard appears under its name when it is whole, and the same pictures make the same bytes.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from avserver.errors import ConfigError

Pixels = npt.NDArray[np.uint8]
PER_SHARD = 128  # pictures: some MB of them, so that what was broken off loses little


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture of a dataset: its number, (height, width, 3) RGB, and what is known of it."""

    number: int
    pixels: Pixels
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture of a dataset as it lies in a shard: its number, a PNG, and what is known of it."""

    number: int
    png: bytes
    facts: Mapping[str, object]


def claim(folder: Path, about: Mapping[str, object]) -> None:
    """Take a folder, new or begun, for the dataset that `about` describes.

    Raises ConfigError if the folder holds something else, or cannot be written.
    """
    plain = json.dumps(about, indent=1, sort_keys=True) + "\n"
    described = folder / "dataset.json"
    if described.exists():
        if described.read_text(encoding="utf-8") != plain:
            raise ConfigError(f"{folder} holds another dataset, see {described}; name another folder")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there and is not a dataset; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        described.write_text(plain, encoding="utf-8")
    except OSError as err:
        raise ConfigError(f"cannot write a dataset into {folder}: {err.strerror}") from err


def shard_path(folder: Path, shard: int) -> Path:
    """Return where a shard lies."""
    return folder / f"shard-{shard:05d}.tar"


def encode(pixels: Pixels) -> bytes:
    """Return a picture as PNG."""
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "PNG")
    return picture.getvalue()


def write_shard(path: Path, pictures: Iterable[Encoded]) -> None:
    """Write a shard; its file is there when all of it is."""
    unfinished = path.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as tar:
        for picture in pictures:
            _add(tar, f"{picture.number:08d}.png", picture.png)
            _add(tar, f"{picture.number:08d}.json", json.dumps(picture.facts, sort_keys=True).encode())
    unfinished.replace(path)


def read_shard(path: Path) -> Iterator[Sample]:
    """Return the pictures of a shard. Raises ConfigError if it is none."""
    try:
        with tarfile.open(path) as tar:
            facts: Mapping[str, object] = {}
            pixels: Pixels | None = None
            for member in tar:
                content = tar.extractfile(member)
                assert content is not None
                if member.name.endswith(".png"):
                    pixels = np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB"))
                elif pixels is not None:
                    facts = json.loads(content.read())
                    yield Sample(int(Path(member.name).stem), pixels, facts)
                    pixels = None
    except (tarfile.TarError, OSError, ValueError) as err:
        raise ConfigError(f"{path} is not a shard of pictures: {err}") from err


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # with no time, no owner: the same content is the same file
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
