"""Sources: the names that a modulation may take from, and the options that each of them listens to."""

from avserver.control.entry import Entry
from avserver.control.envelope import ENVELOPE_NAMES, SHAPES, EnvelopeOptions
from avserver.control.follower import FollowerOptions
from avserver.control.inputs import OSC_ALLOWED, osc_source
from avserver.control.lfo import LFO_KINDS, LFO_NAMES, LFO_SHAPES, LfoOptions
from avserver.control.midi.controls import parse_control
from avserver.errors import ParamError, nearest
from avserver.signals import LEVEL_NAMES

SOURCES = LEVEL_NAMES + ENVELOPE_NAMES + LFO_NAMES
Options = EnvelopeOptions | LfoOptions

# Longest envelope, glide and time constant; nothing in music that a picture answers takes longer.
LONGEST_S = 30.0
# Shortest and longest period of an oscillator: a 256th note, and 64 bars of four; twice a frame's time, and an hour.
_PERIODS = {"beats": (1 / 64, 256.0, ""), "period_s": (0.05, 3600.0, "s")}
_MOST_SEED = 2**32 - 1
_FOLLOWER_KEYS = ("attack_s", "release_s")


def source_of(entry: Entry) -> str:
    """Read what a modulation comes from: one of SOURCES, `osc /ADDRESS NUMBER` or `midi CONTROL`."""
    text = entry.text_of("from")
    kind, _, rest = text.partition(" ")
    if kind == "osc":
        return f"osc {osc_source_of(entry, 'from', rest)}"
    if kind == "midi":
        try:
            return f"midi {parse_control(rest)}"
        except ParamError as err:
            raise entry.error(f"from, after midi: {err}", "from") from err
    if text not in SOURCES:
        hint = nearest(text, (*SOURCES, "osc /ADDRESS", "midi CONTROL"))
        raise entry.error(f"from does not know {text!r}; {hint}", "from")
    return text


def osc_source_of(entry: Entry, key: str, text: str) -> str:
    """Read an address outside of ours, and which argument of its messages counts."""
    source = osc_source(text)
    if source is None:
        raise entry.error(f"{key} takes {OSC_ALLOWED}, got {text!r}", key)
    return source


def options_of(entry: Entry, source: str, others: tuple[str, ...]) -> Options | None:
    """Read the options that a modulation gives its source, None if it has none.

    Options that the source does not listen to are refused, not ignored; `others` are further keys that are allowed.
    """
    keys = _keys_of(source)
    for key in (*SHAPES["dip"], *_PERIODS, *LFO_SHAPES["random"]):
        if entry.has(key) and key not in keys:
            raise entry.error(f"{key} is an option of {_listeners(key)}, got it with {source!r}", key)
    entry.check_keys((*keys, *_FOLLOWER_KEYS, *others))
    if source in ENVELOPE_NAMES:
        return _envelope(entry)
    return _lfo(entry, LFO_KINDS[source.partition(".")[0]]) if source in LFO_NAMES else None


def follower_of(entry: Entry) -> FollowerOptions | None:
    """Read how a source is followed, None if it is taken as it is."""
    if not any(map(entry.has, _FOLLOWER_KEYS)):
        return None
    return FollowerOptions(*(entry.number_of(key, 0.0, 0.0, LONGEST_S, "s") for key in _FOLLOWER_KEYS))


def _keys_of(source: str) -> tuple[str, ...]:
    if source in ENVELOPE_NAMES:
        return SHAPES[source.rpartition(".")[2]]
    if source in LFO_NAMES:
        kind, shape = source.split(".")
        return (LFO_KINDS[kind], *LFO_SHAPES[shape])
    return ()


def _listeners(key: str) -> str:
    """Say who listens to an option."""
    if key in _PERIODS:
        return f"the oscillators {', '.join(name for name in LFO_NAMES if key in _keys_of(name))}"
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


def _lfo(entry: Entry, period: str) -> LfoOptions:
    low, high, unit = _PERIODS[period]
    return LfoOptions(
        period=entry.number_of(period, 1.0, low, high, unit),
        phase=entry.number_of("phase", 0.0, 0.0, 1.0),
        seed=entry.whole_of("seed", 0, 0, _MOST_SEED),
    )
