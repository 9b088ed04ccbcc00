"""Mapping: reads a mapping file (TOML) into a Patch, and refuses, with file and line, what it cannot play."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from avserver.channels import ALL, parse_channels
from avserver.control.entry import Entry
from avserver.control.params import Kind, ParamTable
from avserver.control.patch import (
    CHROMAS,
    DEFAULT_GLIDE_S,
    FIXED_DIRECTION_PATCHES,
    BendPatch,
    Choir,
    DirectionPatch,
    MidiKnob,
    Modulation,
    Patch,
)
from avserver.control.patch_params import MOST_SIGMA, bend_params
from avserver.control.sources import LONGEST_S, SOURCES, options_of
from avserver.errors import ConfigError, MappingError, ModelError, ParamError, nearest
from avserver.frame_spec import DIRECTION_KINDS, EDGES, FIRST_PICTURE, PLACES, SPACES, has_nonlinearity
from avserver.seed_list import check_seeds, read_seeds
from avserver.signals import BANDS, STEMS
from avserver.transforms import TRANSFORMS

FOLLOWS = (*CHROMAS, "segment", "onsets")
ORDERS = ("pitch", "lasting")
GLIDES = ("spline", "linear")
# Directions are sorted by how much they do; later ones do next to nothing.
MOST_DIRECTIONS = 64
TAKEOVERS = ("jump",)
_KINDS = ("choir", "bend", "direction", "modulate", "midi")
_ONSET_NAMES = tuple(f"{stem}.{band}" for stem in STEMS for band in BANDS)
# NVIDIA's names: StyleGAN2's blocks b4, b8, … by resolution and their parts, StyleGAN3's layers by number, size and
# channels. Which of them a model has shows when it is loaded.
_BLOCKS = tuple(f"b{2**power}" for power in range(2, 12))
_PARTS = tuple(
    f"{block}.{part}" for block in _BLOCKS for part in ("conv0", "conv1", "torgb") if block != "b4" or part != "conv0"
)
_STYLEGAN3_LAYER = re.compile(r"L\d{1,2}_\d{1,4}_\d{1,4}")


def load_patch(path: Path | str) -> Patch:
    """Read a mapping file.

    Raises:
        MappingError: if it cannot be read or says something that cannot be played.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as err:
        raise MappingError(f"the mapping file {str(path)!r} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise MappingError(f"the mapping file {str(path)!r} is not UTF-8 text: {err}") from err
    return parse_patch(text, file=str(path))


def parse_patch(text: str, *, file: str) -> Patch:
    """Read the text of a mapping file; `file` is its name in errors. Raises MappingError."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as err:  # TOMLDecodeError is the first; numbers and nesting without end are not
        raise MappingError(f"{file} is not valid TOML: {err}") from err
    tables = _tables(document, file, text)
    pictures: list[Path] = []
    choirs = tuple(_choir(entry, pictures) for entry in tables["choir"])
    bends = tuple(_bend(entry) for entry in tables["bend"])
    directions = tuple(_direction(entry) for entry in tables["direction"])
    _refuse_twins(tables["choir"])
    _refuse_twins(tables["bend"])
    _refuse_twins(tables["direction"], taken=[direction.name for direction in FIXED_DIRECTION_PATCHES])
    params = Patch(choirs, bends, directions=directions).param_table()
    return Patch(
        choirs,
        bends,
        tuple(_modulation(entry, params) for entry in tables["modulate"]),
        tuple(_midi_knob(entry, params) for entry in tables["midi"]),
        directions,
        tuple(pictures),
    )


def _tables(document: dict[str, object], file: str, text: str) -> dict[str, list[Entry]]:
    """Sort the tables of the file by kind."""
    for key in document:
        if key not in _KINDS:
            raise MappingError(f"{file} has an unknown table {key!r}; {nearest(key, _KINDS)}")
    tables: dict[str, list[Entry]] = {kind: [] for kind in _KINDS}
    for kind, found in document.items():
        if not isinstance(found, list) or not all(isinstance(values, dict) for values in found):
            raise MappingError(f"{file}: {kind} is written as tables headed [[{kind}]], got {found!r}")
        tables[kind] = [Entry(kind, number, values, file, text) for number, values in enumerate(found)]
    return tables


def _refuse_twins(entries: Sequence[Entry], taken: Iterable[str] = ()) -> None:
    seen = set(taken)
    for entry in entries:
        name = entry.name()
        if name in seen:
            raise entry.error(f"there is already a {entry.kind} called {name!r}; names are given once", "name")
        seen.add(name)


def _choir(entry: Entry, pictures: list[Path]) -> Choir:
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
    seeds = _seeds(entry, pictures)
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


def _seeds(entry: Entry, pictures: list[Path]) -> tuple[int, ...]:
    """Read seeds, or the name of a seed list; among seeds, names of projected pictures, which are added to `pictures`.

    Files lie where the mapping file does.
    """
    named = entry.values.get("seeds")
    folder = Path(entry.file).parent
    try:
        if isinstance(named, str):
            return read_seeds(folder / named)
        return tuple(
            _picture(entry, folder / item, pictures) if isinstance(item, str) else check_seeds([item])[0]
            for item in entry.list_of("seeds")
        )
    except ConfigError as err:
        raise entry.error(str(err), "seeds") from err


def _picture(entry: Entry, path: Path, pictures: list[Path]) -> int:
    """Return the number that stands for a projected picture."""
    if not path.is_file():
        raise entry.error(f"there is no projected picture {str(path)!r}; avserver project makes one", "seeds")
    if path not in pictures:
        pictures.append(path)
    return FIRST_PICTURE + pictures.index(path)


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


def _bend(entry: Entry) -> BendPatch:
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


def _direction(entry: Entry) -> DirectionPatch:
    entry.check_keys(("name", "from", "number", "layers", "amount"))
    number = entry.number_of("number", 1, 1, MOST_DIRECTIONS)
    if number != int(number):
        raise entry.error(f"number takes a whole number from 1 to {MOST_DIRECTIONS}, got {number:g}", "number")
    return DirectionPatch(
        name=entry.name(),
        kind=entry.choice("from", DIRECTION_KINDS),
        number=int(number),
        layers=_layers(entry),
        amount=entry.number_of("amount", 0.0, -MOST_SIGMA, MOST_SIGMA),
    )


def _modulation(entry: Entry, params: ParamTable) -> Modulation:
    source = entry.choice("from", SOURCES)
    input_range, output_range = entry.pair("input"), entry.pair("range")
    if input_range is not None and input_range[0] == input_range[1]:
        raise entry.error(f"input takes two different numbers, got [{input_range[0]:g}, {input_range[1]:g}]", "input")
    return Modulation(
        source=source,
        target=_target(entry, params, triggers=False),
        options=options_of(entry, source),
        input_range=input_range,
        output_range=output_range,
    )


def _midi_knob(entry: Entry, params: ParamTable) -> MidiKnob:
    entry.check_keys(("port", "control", "to", "range", "takeover"))
    if entry.has("takeover"):
        entry.choice("takeover", TAKEOVERS)
    channel, controller = _control(entry)
    target = _target(entry, params, triggers=True)
    param = params[target]
    output_range = entry.pair("range") or (float(param.minimum), float(param.maximum))
    return MidiKnob(entry.text_of("port"), channel, controller, target, output_range)


def _control(entry: Entry) -> tuple[int, int]:
    """Read `cc CHANNEL CONTROLLER`, channels counted from 1 as on the controllers themselves."""
    control = entry.text_of("control")
    numbers = re.fullmatch(r"cc (\d{1,2}) (\d{1,3})", control)
    if not numbers or not 1 <= int(numbers[1]) <= 16 or int(numbers[2]) > 127:
        allowed = "'cc CHANNEL CONTROLLER' with a channel from 1 to 16 and a controller from 0 to 127"
        raise entry.error(f"control takes {allowed}, got {control!r}", "control")
    return int(numbers[1]), int(numbers[2])


def _target(entry: Entry, params: ParamTable, *, triggers: bool) -> str:
    """Read the address of a parameter; a trigger has no value that a signal could move."""
    try:
        param = params[entry.text_of("to")]
    except ParamError as err:
        raise entry.error(str(err), "to") from err
    if param.kind is Kind.TRIGGER and not triggers:
        raise entry.error(f"{param.address} is a trigger and has no value to modulate", "to")
    return param.address
