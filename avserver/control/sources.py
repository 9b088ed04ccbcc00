"""Sources: the names that a modulation may take from, and the options that each of them listens to."""

from avserver.control.entry import Entry
from avserver.control.envelope import ENVELOPE_NAMES, SHAPES, EnvelopeOptions
from avserver.control.follower import FollowerOptions
from avserver.control.lfo import LFO_NAMES, LFO_SHAPES, LfoOptions
from avserver.signals import LEVEL_NAMES

SOURCES = LEVEL_NAMES + ENVELOPE_NAMES + LFO_NAMES
Options = EnvelopeOptions | FollowerOptions | LfoOptions

# Longest envelope, glide and time constant; nothing in music that a picture answers takes longer.
LONGEST_S = 30.0
# Shortest and longest period of an oscillator (beats): a 256th note, and 64 bars of four.
_FEWEST_BEATS, _MOST_BEATS = 1 / 64, 256.0
_MOST_SEED = 2**32 - 1
_FOLLOWER_KEYS = ("attack_s", "release_s")


def options_of(entry: Entry, source: str) -> Options | None:
    """Read the options that a modulation gives its source, None for a level that is taken as it is.

    Options that the source does not listen to are refused, not ignored.
    """
    keys = _keys_of(source)
    for key in (*SHAPES["dip"], *_FOLLOWER_KEYS, *LFO_SHAPES["random"]):
        if entry.has(key) and key not in keys:
            raise entry.error(f"{key} is an option of {_listeners(key)}, got it with {source!r}", key)
    entry.check_keys(("from", "to", "input", "range", *keys))
    if source in ENVELOPE_NAMES:
        return _envelope(entry)
    if source in LFO_NAMES:
        return _lfo(entry)
    return _follower(entry) if any(map(entry.has, _FOLLOWER_KEYS)) else None


def _keys_of(source: str) -> tuple[str, ...]:
    if source in ENVELOPE_NAMES:
        return SHAPES[source.rpartition(".")[2]]
    return LFO_SHAPES[source.rpartition(".")[2]] if source in LFO_NAMES else _FOLLOWER_KEYS


def _listeners(key: str) -> str:
    """Say who listens to an option."""
    if key in _FOLLOWER_KEYS:
        return "levels"
    kind, shapes = ("envelopes", SHAPES) if key in SHAPES["dip"] else ("oscillators", LFO_SHAPES)
    return f"the {kind} {', '.join(shape for shape, options in shapes.items() if key in options)}"


def _envelope(entry: Entry) -> EnvelopeOptions:
    seed = EnvelopeOptions()
    return EnvelopeOptions(
        sigma_s=entry.number_of("sigma_s", seed.sigma_s, 0.001, LONGEST_S, "s"),
        radius_s=entry.number_of("radius_s", seed.radius_s, 0.001, LONGEST_S, "s"),
        depth=entry.number_of("depth", seed.depth, 0.0, 1.0),
        threshold=entry.number_of("threshold", seed.threshold, 0.0, 1.0),
        distance_s=entry.number_of("distance_s", seed.distance_s, 0.0, LONGEST_S, "s"),
    )


def _follower(entry: Entry) -> FollowerOptions:
    return FollowerOptions(*(entry.number_of(key, 0.0, 0.0, LONGEST_S, "s") for key in _FOLLOWER_KEYS))


def _lfo(entry: Entry) -> LfoOptions:
    seed = entry.number_of("seed", 0, 0, _MOST_SEED)
    if seed != int(seed):
        raise entry.error(f"seed takes a whole number from 0 to {_MOST_SEED}, got {seed:g}", "seed")
    return LfoOptions(
        beats=entry.number_of("beats", 1.0, _FEWEST_BEATS, _MOST_BEATS),
        phase=entry.number_of("phase", 0.0, 0.0, 1.0),
        seed=int(seed),
    )
