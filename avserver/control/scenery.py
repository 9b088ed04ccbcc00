"""Scenery: reads the tables of a mapping file that say what there is to be moved: choirs, bends, directions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avserver.channels import ALL, parse_channels
from avserver.control.entry import Entry
from avserver.control.patch import CHROMAS, DEFAULT_GLIDE_S, BendPatch, Choir, DirectionPatch
from avserver.control.patch_params import MOST_SIGMA, bend_params
from avserver.control.sources import LONGEST_S
from avserver.errors import ConfigError, ModelError, nearest
from avserver.frame_spec import DIRECTION_KINDS, EDGES, FIRST_PICTURE, PLACES, SPACES, has_nonlinearity
from avserver.seed_list import check_seeds, read_seeds
from avserver.signals import BANDS, STEMS
from avserver.transforms import TRANSFORMS

FOLLOWS = (*CHROMAS, "segment", "onsets")
ORDERS = ("pitch", "lasting")
GLIDES = ("spline", "linear")
# Directions are sorted by how much they do; later ones do next to nothing.
MOST_DIRECTIONS = 64
_ONSET_NAMES = tuple(f"{stem}.{band}" for stem in STEMS for band in BANDS)
# NVIDIA's names: StyleGAN2's blocks b4, b8, … by resolution and their parts, StyleGAN3's layers by number, size and
# channels. Which of them a model has shows when it is loaded.
_BLOCKS = tuple(f"b{2**power}" for power in range(2, 12))
_PARTS = tuple(
    f"{block}.{part}" for block in _BLOCKS for part in ("conv0", "conv1", "torgb") if block != "b4" or part != "conv0"
)
_STYLEGAN3_LAYER = re.compile(r"L\d{1,2}_\d{1,4}_\d{1,4}")


@dataclass
class Named:
    """The files that mapping files name, as they are found; also those that turn out not to be there.

    Attributes:
        files: all of them.
        pictures: those that are projected pictures, and when each was written (ns).
    """

    files: list[Path] = field(default_factory=list)
    pictures: dict[Path, int] = field(default_factory=dict)


def choir_of(entry: Entry, named: Named) -> Choir:
    """Read a `[[choir]]`; what it names is added to `named`."""
    entry.check_keys(("name", "follows", "layers", "seeds", "onsets", "glide_s", "space", "glide", "order"))
    follows = entry.choice("follows", FOLLOWS)
    if follows != "onsets" and entry.has("onsets"):
        raise entry.error(f"onsets are for a choir that follows 'onsets', this one follows {follows!r}", "onsets")
    if follows in CHROMAS and entry.has("glide"):
        raise entry.error(
            f"glide is for a choir that goes from seed to seed, one that follows {follows!r} mixes", "glide"
        )
    if follows not in CHROMAS and entry.has("order"):
        raise entry.error(f"order is for a choir that follows 'chroma', this one follows {follows!r}", "order")
    seeds = _seeds(entry, named)
    space = entry.choice("space", SPACES) if entry.has("space") else "w"
    if space == "z" and max(seeds) >= FIRST_PICTURE:
        raise entry.error("a projected picture is a place in w, and this choir mixes in z", "seeds")
    return Choir(
        name=entry.name(),
        follows=follows,
        seeds=seeds,
        layers=_layers(entry),
        onsets=_onsets(entry) if follows == "onsets" else (),
        glide_s=entry.number_of("glide_s", DEFAULT_GLIDE_S, 0.0, LONGEST_S, "s"),
        space=space,
        glide=entry.choice("glide", GLIDES) if entry.has("glide") else "spline",
        order=entry.choice("order", ORDERS) if entry.has("order") else "pitch",
    )


def bend_of(entry: Entry) -> BendPatch:
    """Read a `[[bend]]`."""
    transform = entry.choice("transform", TRANSFORMS)
    # Each is named by the last part of its address; `enable` is a switch for the hand.
    values = {param.address.rpartition("/")[2]: param for param in bend_params("", layer="", transform=transform)[1:]}
    entry.check_keys(("name", "layer", "transform", "place", "edges", "channels", *values))
    start = {
        name: entry.number_of(name, float(param.default), param.minimum, param.maximum, param.unit)
        for name, param in values.items()
        if entry.has(name)
    }
    layer = _layer(entry)
    place = entry.choice("place", PLACES) if entry.has("place") else PLACES[0]
    if place == "before" and not has_nonlinearity(layer):
        raise entry.error(f"{layer} has no nonlinearity to be bent before; convolutions have one", "place")
    edges = entry.choice("edges", EDGES) if entry.has("edges") else EDGES[0]
    return BendPatch(entry.name(), layer, transform, start, place, edges, _channels(entry))


def direction_of(entry: Entry) -> DirectionPatch:
    """Read a `[[direction]]`."""
    entry.check_keys(("name", "from", "number", "layers", "amount"))
    return DirectionPatch(
        name=entry.name(),
        kind=entry.choice("from", DIRECTION_KINDS),
        number=entry.whole_of("number", 1, 1, MOST_DIRECTIONS),
        layers=_layers(entry),
        amount=entry.number_of("amount", 0.0, -MOST_SIGMA, MOST_SIGMA),
    )


def refuse_twins(entries: Sequence[Entry], taken: Sequence[str] = ()) -> None:
    """Refuse a name that is given twice, or that is `taken`, whichever file it stands in."""
    places = dict.fromkeys(taken, "")
    for entry in entries:
        name = entry.name()
        if name in places:
            where = f" ({places[name]})" if places[name] else ""
            raise entry.error(f"there is already a {entry.kind} called {name!r}{where}; names are given once", "name")
        places[name] = entry.place("name")


def _seeds(entry: Entry, named: Named) -> tuple[int, ...]:
    """Read seeds, or the name of a seed list; among seeds, names of projected pictures.

    Files lie where the mapping file does.
    """
    listed = entry.values.get("seeds")
    folder = Path(entry.file).parent
    try:
        if isinstance(listed, str):
            named.files.append(folder / listed)
            return read_seeds(folder / listed)
        return tuple(
            _picture(entry, folder / item, named) if isinstance(item, str) else check_seeds([item])[0]
            for item in entry.list_of("seeds")
        )
    except ConfigError as err:
        raise entry.error(str(err), "seeds") from err


def _picture(entry: Entry, path: Path, named: Named) -> int:
    """Return the number that stands for a projected picture."""
    named.files.append(path)
    try:
        edition_ns = path.stat().st_mtime_ns
    except OSError:
        missing = f"there is no projected picture {str(path)!r}; avserver project makes one"
        raise entry.error(missing, "seeds") from None
    named.pictures.setdefault(path, edition_ns)
    return FIRST_PICTURE + list(named.pictures).index(path)


def _layers(entry: Entry) -> tuple[float, float]:
    first, stop = entry.pair("layers") or (0.0, 1.0)
    if not 0.0 <= first < stop <= 1.0:
        raise entry.error(f"layers takes two rising shares from 0 to 1, got [{first:g}, {stop:g}]", "layers")
    return first, stop


def _onsets(entry: Entry) -> tuple[tuple[str, str], ...]:
    onsets = []
    for onset in entry.list_of("onsets"):
        if onset not in _ONSET_NAMES:
            raise entry.error(f"there are no onsets {onset!r}; {nearest(str(onset), _ONSET_NAMES)}", "onsets")
        stem, _, band = str(onset).partition(".")
        onsets.append((stem, band))
    return tuple(onsets)


def _channels(entry: Entry) -> str:
    if not entry.has("channels"):
        return ALL
    channels = entry.text_of("channels")
    try:
        parse_channels(channels)
    except ModelError as err:
        raise entry.error(str(err), "channels") from err
    return channels


def _layer(entry: Entry) -> str:
    layer = entry.text_of("layer")
    return layer if _STYLEGAN3_LAYER.fullmatch(layer) else entry.choice("layer", ("input", *_BLOCKS, *_PARTS))
