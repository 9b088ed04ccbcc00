"""A dataset of somebody's own pictures, from a folder of files of all kinds.

Processes open the files; what they find is taken in the order of the names, so their number changes nothing. The
report tells what became of each file. It is also the memory of an import that was broken off: what it says up to the
last picture of the last whole shard is not done again.
"""

import csv
import hashlib
import os
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from avserver.errors import ConfigError
from avserver.training.foreign import Refusal, Wish, open_picture
from avserver.training.likeness import Look, Seen
from avserver.training.shards import PER_SHARD, Encoded, claim, encode, shard_path, write_shard
from avserver.training.workers import start_workers

REPORT = "report.csv"
_VERSION = 1  # of the rules by which pictures are taken
_AHEAD = 4  # files a process that are under way: enough to keep all busy, and little memory


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the report: what became of a file.

    Attributes:
        file: its name, within the folder.
        fate: `taken`; or why not: `broken`, `huge`, `tiny`, `copy` (the same bytes), `alike` (looks the same).
        about: the number of the picture; what is wrong; or the file that it is a copy of, or like.
        sha256: of the file, if it could be read.
        look: of the picture, see likeness.py.
    """

    file: str
    fate: str
    about: str
    sha256: str = ""
    look: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a process found in a file."""

    png: bytes
    sha256: str
    look: Look


def names_in(source: Path) -> list[str]:
    """Return the names of all files in a folder and the folders in it, sorted: not of links, nor of hidden files.

    Raises ConfigError if there are none, or if they cannot be listed.
    """
    if not source.is_dir():
        raise ConfigError(f"{source} is not a folder of pictures")
    names = []
    for parent, folders, files in os.walk(source, onerror=_unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(parent, name) for name in files if not name.startswith(".")]
        names += [path.relative_to(source).as_posix() for path in paths if stat.S_ISREG(path.lstat().st_mode)]
    if not names:
        raise ConfigError(f"{source} has no files")
    return sorted(names)


def import_pictures(
    source: Path, names: Sequence[str], folder: Path, wish: Wish, *, workers: int, say: Callable[[int], None]
) -> list[Entry]:
    """Make a dataset of the pictures in a folder; one that was broken off goes on.

    Args:
        source: the folder of the pictures.
        names: of its files, as `names_in` returns them.
        folder: of the dataset, made if need be, outside of `source`.
        wish: which pictures, and how they are cut.
        workers: processes.
        say: told how many files are done.

    Returns what became of each file, in the order of their names. The same is in the report.
    Raises ConfigError if no picture can be taken, or if `folder` is not free for them.
    """
    if folder.resolve().is_relative_to(source.resolve()):
        raise ConfigError(f"{folder} lies in {source}, where the pictures are; name a folder outside of it")
    claim(folder, {"made": "imported", **asdict(wish), "version": _VERSION, **_fingerprint(source, names)})
    growing = _Growing(folder, wish, _done_before(folder, names))
    say(len(growing.entries))
    for name, found in _looked_at(source, names[len(growing.entries) :], wish, workers):
        growing.take(name, found)
        say(len(growing.entries))
    growing.store()
    if not growing.count:
        fates = Counter(entry.fate for entry in growing.entries)
        counts = ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
        raise ConfigError(f"no file of {source} can be taken: {counts}; see {folder / REPORT}")
    return growing.entries


class _Growing:
    """A dataset that grows file by file.

    Args:
        folder: of the dataset.
        wish: which pictures are taken.
        entries: what became of the first files already; their pictures lie in whole shards.
    """

    def __init__(self, folder: Path, wish: Wish, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        self._folder = folder
        self._seen = Seen(wish.near_bits)
        for entry in entries:
            if entry.fate == "taken":
                self._seen.add(entry.file, entry.sha256, Look.parse(entry.look))
        self._waiting: list[Encoded] = []  # for the rest of their shard
        self._reported = len(entries)
        unfinished = folder / f"{REPORT}.unfinished"
        _append(unfinished, [Entry(*(field.name for field in fields(Entry))), *entries], mode="w")
        unfinished.replace(folder / REPORT)

    @property
    def count(self) -> int:
        """How many pictures it has."""
        return len(self._seen)

    def take(self, name: str, found: _Found | Refusal) -> None:
        """Take the picture of the next file, or note why not."""
        if isinstance(found, Refusal):
            self.entries.append(Entry(name, found.fate, found.about))
        elif other := self._seen.copy_of(found.sha256):
            self.entries.append(Entry(name, "copy", other, found.sha256, str(found.look)))
        elif other := self._seen.alike(found.look):
            self.entries.append(Entry(name, "alike", other, found.sha256, str(found.look)))
        else:
            number = self.count
            self.entries.append(Entry(name, "taken", str(number), found.sha256, str(found.look)))
            self._seen.add(name, found.sha256, found.look)
            self._waiting.append(Encoded(number, found.png, {"file": name, "sha256": found.sha256}))
            if len(self._waiting) == PER_SHARD:
                self.store()

    def store(self) -> None:
        """Write the pictures that wait as a shard, after the report of them: a shard without would be of no use."""
        _append(self._folder / REPORT, self.entries[self._reported :])
        self._reported = len(self.entries)
        if self._waiting:
            write_shard(shard_path(self._folder, self._waiting[0].number // PER_SHARD), self._waiting)
            self._waiting = []


def _unlisted(err: OSError) -> None:
    raise ConfigError(f"cannot list {err.filename}: {err.strerror}") from err


def _fingerprint(source: Path, names: Sequence[str]) -> dict[str, object]:
    """Return what tells one folder of pictures from another, without reading them."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(os.fsencode(name) + b"\0%d\0" % (source / name).stat().st_size)
    return {"files": len(names), "files_sha256": digest.hexdigest()}


def _done_before(folder: Path, names: Sequence[str]) -> list[Entry]:
    """Return what became of the files up to the last picture of the last whole shard."""
    entries: list[Entry] = []
    whole = taken = 0
    for entry, name in zip(_report(folder / REPORT), names, strict=False):
        if entry.file != name:
            break
        entries.append(entry)
        taken += entry.fate == "taken"
        if entry.fate == "taken" and taken % PER_SHARD == 0:
            if not shard_path(folder, taken // PER_SHARD - 1).exists():
                break
            whole = len(entries)
    return entries[:whole]


def _report(path: Path) -> Iterator[Entry]:
    """Return the lines of a report, as far as they were written."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        lines = csv.reader(file)
        next(lines, None)  # the titles
        for line in lines:
            if len(line) != len(fields(Entry)):
                return
            yield Entry(*line)


def _append(path: Path, entries: Sequence[Entry], mode: str = "a") -> None:
    with path.open(mode, encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(map(astuple, entries))


def _looked_at(source: Path, names: Sequence[str], wish: Wish, workers: int) -> Iterator[tuple[str, _Found | Refusal]]:
    """Return what is in each file, in their order."""
    under_way: deque[tuple[str, Future[_Found | Refusal]]] = deque()
    with start_workers(workers) as pool:
        try:
            for name in names:
                under_way.append((name, pool.submit(_look, source / name, wish)))
                if len(under_way) > _AHEAD * workers:
                    first, job = under_way.popleft()
                    yield first, job.result()
            for first, job in under_way:
                yield first, job.result()
        except BrokenProcessPool as err:
            raise ConfigError(
                "a process that opened pictures was ended from outside, perhaps for want of memory; the same command "
                "with fewer --workers or a lower --limit-mpx goes on"
            ) from err


def _look(path: Path, wish: Wish) -> _Found | Refusal:
    picture = open_picture(path, wish)
    if isinstance(picture, Refusal):
        return picture
    return _Found(encode(picture.pixels), picture.sha256, Look.of(picture.pixels))
