"""Routes: reads the tables of a mapping file that say what moves what: modulations, and OSC from and to others."""

import ipaddress
import re

from avserver.control.entry import Entry
from avserver.control.inputs import OscKnob
from avserver.control.params import Kind, ParamTable
from avserver.control.patch import COMBINE, Modulation, Sending
from avserver.control.scale import CURVES, MOST_STEPS, Scale
from avserver.control.sources import follower_of, options_of, osc_source_of, source_of
from avserver.errors import ParamError

_DESTINATION = re.compile(r"osc (\[[^\s\]]+\]|[^\s:]+):(\d{1,5}) (/[!-~]+)")
_SCALE_KEYS = ("input", "range", "curve", "steps", "invert")


def modulation_of(entry: Entry, params: ParamTable) -> Modulation:
    """Read a `[[modulate]]` of one of `params`."""
    source = source_of(entry)
    options = options_of(entry, source, ("from", "to", "combine", *_SCALE_KEYS))
    return Modulation(
        source=source,
        target=target_of(entry, params, triggers=False),
        options=options,
        follow=follower_of(entry),
        scale=_scale(entry, entry.pair("input"), entry.pair("range")),
        combine=entry.choice("combine", COMBINE) if entry.has("combine") else COMBINE[0],
    )


def osc_knob_of(entry: Entry, params: ParamTable) -> OscKnob:
    """Read an `[[osc]]` that turns one of `params`; from end to end, unless it says otherwise."""
    entry.check_keys(("address", "to", *_SCALE_KEYS))
    param = params[target_of(entry, params, triggers=True)]
    ends = float(param.minimum), float(param.maximum)
    scale = _scale(entry, entry.pair("input") or (0.0, 1.0), entry.pair("range") or ends)
    return OscKnob(osc_source_of(entry, "address", entry.text_of("address")), param.address, scale)


def sending_of(entry: Entry) -> Sending:
    """Read a `[[send]]`."""
    source = source_of(entry)
    options = options_of(entry, source, ("from", "to", "when", *_SCALE_KEYS))
    host, port, address = _destination(entry)
    drive = Modulation(
        source=source,
        target=address,
        options=options,
        follow=follower_of(entry),
        scale=_scale(entry, entry.pair("input"), entry.pair("range")),
    )
    return Sending(drive, host, port, entry.number_of("when", 0.0, -1e30, 1e30) if entry.has("when") else None)


def target_of(entry: Entry, params: ParamTable, *, triggers: bool) -> str:
    """Read the address of a parameter; a trigger has no value that a signal could move."""
    try:
        param = params[entry.text_of("to")]
    except ParamError as err:
        raise entry.error(str(err), "to") from err
    if param.kind is Kind.TRIGGER and not triggers:
        raise entry.error(f"{param.address} is a trigger and has no value to modulate", "to")
    return param.address


def _destination(entry: Entry) -> tuple[str, int, str]:
    """Read where OSC goes. Names of hosts are not looked up: that can take seconds, and the show would stand."""
    text = entry.text_of("to")
    found = _DESTINATION.fullmatch(text)
    try:
        if not found or not 0 < int(found[2]) <= 65535:
            raise ValueError
        host = "127.0.0.1" if found[1] == "localhost" else str(ipaddress.ip_address(found[1].strip("[]")))
    except ValueError:
        allowed = "'osc IP:PORT /ADDRESS', as in 'osc 127.0.0.1:7000 /composition/layers/1/video/opacity'"
        raise entry.error(f"to takes {allowed}, got {text!r}", "to") from None
    return host, int(found[2]), found[3]


def _scale(entry: Entry, ends: tuple[float, float] | None, output: tuple[float, float] | None) -> Scale:
    if ends is not None and ends[0] == ends[1]:
        raise entry.error(f"input takes two different numbers, got [{ends[0]:g}, {ends[1]:g}]", "input")
    return Scale(
        input_range=ends,
        output_range=output,
        curve=entry.choice("curve", CURVES) if entry.has("curve") else CURVES[0],
        steps=entry.whole_of("steps", 0, 2, MOST_STEPS) if entry.has("steps") else 0,
        invert=entry.switch_of("invert"),
    )
