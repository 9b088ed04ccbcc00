"""Makers of parameters: what most entries of the table have in common."""

from collections.abc import Sequence

from avserver.control.params import Kind, Param


def float_param(
    address: str,
    default: float,
    low: float,
    high: float,
    text: str,
    unit: str = "",
    smoothing_s: float = 0.05,
) -> Param:
    """Return a number with a fraction; smoothed, unless told otherwise, so that a turned knob does not jump."""
    return Param(address, Kind.FLOAT, default, low, high, text, unit, smoothing_s)


def int_param(address: str, default: int, low: int, high: int, text: str) -> Param:
    """Return a whole number."""
    return Param(address, Kind.INT, default, low, high, text)


def bool_param(address: str, default: bool, text: str) -> Param:
    """Return a switch."""
    return Param(address, Kind.BOOL, default, 0, 1, text)


def trigger_param(address: str, text: str) -> Param:
    """Return a trigger."""
    return Param(address, Kind.TRIGGER, False, 0, 1, text)


def choice_param(address: str, default: str, choices: Sequence[str], text: str) -> Param:
    """Return one of several things, by name."""
    names = tuple(choices)
    return Param(address, Kind.INT, names.index(default), 0, len(names) - 1, text, choices=names)
