"""The tree of addresses as OSCQuery shows it (github.com/Vidvox/OSCQueryProposal): a node for each of their parts."""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from avserver.control.events import ROOT
from avserver.control.osc_packet import encode
from avserver.control.osc_types import write_text

# The optional parts of the proposal, and whether they are here.
EXTENSIONS = {
    "ACCESS": True,
    "VALUE": True,
    "RANGE": True,
    "DESCRIPTION": True,
    "UNIT": True,
    "CLIPMODE": True,
    "TAGS": False,
    "EXTENDED_TYPE": False,
    "CRITICAL": False,
    "OVERLOADS": False,
    "HTML": False,
    "LISTEN": True,
    "PATH_CHANGED": True,
    "PATH_ADDED": True,
    "PATH_REMOVED": True,
    "PATH_RENAMED": False,
}
# What may be asked for by `?NAME` at all. The default is not of the proposal, but most servers tell it.
ATTRIBUTES = frozenset(["FULL_PATH", "CONTENTS", "TYPE", "DEFAULT_VALUE", *EXTENSIONS])
_NO_VALUE, _WRITE_ONLY, _READ_AND_WRITE = 0, 2, 3
# The proposal's names of units.
_UNITS = {"s": "time.second", "ms": "time.ms", "bpm": "time.bpm", "dB": "gain.db", "deg": "angle.degree"}

Plain = dict[str, object]


@dataclass(slots=True)
class _Node:
    """One part of an address: what does not change of it, and what is below it."""

    fixed: Plain
    param: Mapping[str, object] | None = None
    below: dict[str, "_Node"] = field(default_factory=dict)


class OscQueryTree:
    """All addresses of a show.

    Args:
        parameters: as plain data, as `Param.to_plain` returns it.
        commands: what each further address takes (type tags), and its description.
        value: returns where the knob of an address stands.
    """

    def __init__(
        self,
        parameters: Iterable[Mapping[str, object]],
        commands: Mapping[str, tuple[str, str]],
        value: Callable[[str], object],
    ) -> None:
        self._value = value
        self._root = _container("/")
        self._params = {f"{ROOT}{param['address']}": param for param in parameters}
        for path, param in self._params.items():
            self._put(path, _of_param(path, param), None if param["kind"] == "trigger" else param)
        for address, (types, description) in commands.items():
            self._put(ROOT + address, _of_command(ROOT + address, types, description), None)

    def __contains__(self, path: object) -> bool:
        """Tell whether something can be listened to at a path: a parameter with a value."""
        return path in self._params and self._params[str(path)]["kind"] != "trigger"

    def describe(self, path: str) -> Plain | None:
        """Return a node with all that is below it; None if there is none at the path."""
        node = self._root
        for part in path.split("/"):
            if part:
                if part not in node.below:
                    return None
                node = node.below[part]
        return self._plain(node)

    def packet(self, path: str, value: object) -> bytes:
        """Return a value as the message that listeners are sent, of the node's TYPE."""
        param = self._params.get(path)
        match _type(param) if param is not None else "", value:
            case "T", _:
                return write_text(path) + write_text(",T" if value else ",F")
            case "h", int():
                return write_text(path) + write_text(",h") + struct.pack(">q", value)
        return encode(path, value if param is None else _shown(param, value))

    def changes(self, newer: "OscQueryTree") -> list[tuple[str, str]]:
        """Return what is different in another tree, as (command, path)."""
        mine, theirs = self._params, newer._params
        added = [("PATH_ADDED", path) for path in theirs if path not in mine]
        removed = [("PATH_REMOVED", path) for path in mine if path not in theirs]
        changed = [("PATH_CHANGED", path) for path in theirs if path in mine and theirs[path] != mine[path]]
        return removed + added + changed

    def _put(self, path: str, fixed: Plain, param: Mapping[str, object] | None) -> None:
        node, at = self._root, ""
        for part in path.split("/")[1:]:
            at += f"/{part}"
            node = node.below.setdefault(part, _container(at))
        node.fixed, node.param = fixed, param

    def _plain(self, node: _Node) -> Plain:
        plain = dict(node.fixed)
        if node.param is not None:
            plain["VALUE"] = [_shown(node.param, self._value(str(node.param["address"])))]
        if node.below:
            plain["CONTENTS"] = {name: self._plain(below) for name, below in node.below.items()}
        return plain


def _container(path: str) -> _Node:
    return _Node({"FULL_PATH": path, "ACCESS": _NO_VALUE})


def _of_command(path: str, types: str, description: str) -> Plain:
    return {"FULL_PATH": path, "DESCRIPTION": description, "ACCESS": _WRITE_ONLY, "TYPE": types or "N"}


def _of_param(path: str, param: Mapping[str, object]) -> Plain:
    plain: Plain = {"FULL_PATH": path, "DESCRIPTION": param["description"]}
    plain["TYPE"] = _type(param)
    match plain["TYPE"]:
        case "N":
            return {**plain, "ACCESS": _WRITE_ONLY}
        case "s":
            plain["RANGE"] = [{"VALS": param["choices"]}]
        case "i" | "h" | "f":
            plain |= {"RANGE": [{"MIN": param["minimum"], "MAX": param["maximum"]}], "CLIPMODE": ["both"]}
    if param["unit"]:
        plain["UNIT"] = [_UNITS.get(str(param["unit"]), param["unit"])]
    return {**plain, "ACCESS": _READ_AND_WRITE, "DEFAULT_VALUE": [_shown(param, param["default"])]}


def _type(param: Mapping[str, object]) -> str:
    """Return the type tag of a parameter."""
    match param:
        case {"kind": "trigger"}:
            return "N"
        case {"kind": "bool"}:
            return "T"
        case {"choices": [_, *_]}:
            return "s"
        case {"kind": "int", "maximum": int() | float() as high}:
            return "i" if high < 2**31 else "h"
    return "f"


def _shown(param: Mapping[str, object], value: object) -> object:
    """Return a value as it is shown: that of a choice by its name."""
    match param["choices"], value, param["minimum"]:
        case [*names], int() as number, int() as first if names and 0 <= number - first < len(names):
            return names[number - first]
    return value
