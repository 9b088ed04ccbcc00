"""Scribe: writes down what was decided, tick by tick, as little of it as it takes to have it back.

The records of a take, each a line of JSON, in the order in which they come:

| record | what it says |
|---|---|
| `{"role": {…}}` | who draws from the next tick on: model, shape, bends, directions, partner, pictures |
| `{"file": PATH, "sha256": …}` | which file it was that a role or the song names |
| `{"song": PATH, "sample": n, "at_s": s}` | from sample n of the show's sound on the song is heard, from s on |
| `{"sound": {…}}` | how the sound of the take is stored, see `sound_track` |
| `{"knobs": {…}}` | where all knobs stand |
| `{"t": n, …}` | tick n, and what changed since the tick before |
| `{"end": …}` | the take was ended, not cut off; how many ticks were lost |

A tick has: `s`, the delta of its FrameSpec to the last one (of which index and time are left out: n, and n / fps);
`f`, frozen; `o`, opacity; `b`, blackout; `h`, the time of a hit; `k`, knobs that were turned; `x`, triggers that fired.
`f`, `o` and `b` hold until they are said anew. Floats are written so that they are read back to the same bits.
"""

import dataclasses
from pathlib import Path
from typing import Any

from avserver.frame_spec import BendSlot, FrameSpec, ModelShape
from avserver.generator.role import Role
from avserver.take.chunks import ChunkWriter
from avserver.take.decision import Decision
from avserver.take.delta import delta
from avserver.take.files import name_of, path_of


class Scribe:
    """Writes decisions into a file, each as what is new in it."""

    def __init__(self, file: ChunkWriter) -> None:
        self._file = file
        self._role: Role | None = None
        self._spec: dict[str, Any] = {}
        self._held: dict[str, Any] = {}
        self._knobs: dict[str, Any] | None = None

    def write(self, decision: Decision) -> None:
        """Write one down; ticks come in their order."""
        if decision.role != self._role:
            self._role = decision.role
            self._file.line({"role": plain_role(decision.role)})
        line: dict[str, Any] = {"t": decision.tick.index}
        if decision.spec is not None:
            plain = plain_spec(decision.spec)
            if change := delta(self._spec, plain):
                line["s"] = change
            self._spec = plain
        held = {"f": decision.spec is None, "o": decision.opacity, "b": decision.blackout}
        line |= {key: value for key, value in held.items() if self._held.get(key) != value}
        self._held = held
        if decision.hit_s is not None:
            line["h"] = decision.hit_s
        if turned := self._turned(dict(decision.knobs)):
            line["k"] = turned
        if decision.fired:
            line["x"] = sorted(decision.fired)
        self._file.line(line)

    def _turned(self, knobs: dict[str, Any]) -> dict[str, Any]:
        before, self._knobs = self._knobs, knobs
        if before is None or before.keys() != knobs.keys():
            self._file.line({"knobs": knobs})
            return {}
        return {address: value for address, value in knobs.items() if before[address] != value}


def plain_spec(spec: FrameSpec) -> dict[str, Any]:
    """Return a spec as plain data, without its index and time, which its tick has."""
    plain = spec.to_plain()
    del plain["index"], plain["t_s"]
    return plain


def plain_role(role: Role) -> dict[str, Any]:
    """Return a role as plain data, without its editions; `role_from` makes it again."""
    return {
        field.name: _plain(getattr(role, field.name)) for field in dataclasses.fields(role) if field.name != "editions"
    }


def role_from(plain: dict[str, Any]) -> Role:
    """Return a role that was made plain. Raises TypeError or KeyError for what is none, ModelError for bends that are
    not known.
    """
    shape = plain["shape"]
    values = {name: _from_plain(value) for name, value in plain.items()}
    values["shape"] = ModelShape(shape["num_ws"], tuple(shape["noise_resolutions"]), tuple(shape["layers"]))
    values["bends"] = tuple(BendSlot(**slot) for slot in plain["bends"])
    return Role(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return {"path": name_of(value)}
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_plain(item) for item in value)
    if isinstance(value, dict):
        return path_of(value["path"]) if "path" in value else value
    return value
