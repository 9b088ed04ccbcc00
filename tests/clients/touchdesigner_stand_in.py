"""A stand-in for the parts of TouchDesigner that the callbacks use, after its published Python reference.

Where the reference says what is allowed (names of custom parameters, shapes and types of arrays, what only works while
cooking), this refuses everything else. It draws nothing, and was never compared with TouchDesigner itself.
"""

import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


class CookLevel(Enum):
    """When an operator cooks."""

    AUTOMATIC = 0
    ON_CHANGE = 1
    WHEN_USED = 2
    ALWAYS = 3


class AbsTime:
    """Notes that somebody read the time: whoever does is cooked at every frame."""

    reads = 0

    @property
    def frame(self) -> int:
        self.reads += 1
        return self.reads


class Par:
    """A parameter (Par Class)."""

    menuNames: Sequence[str] = ()  # noqa: N815
    menuLabels: Sequence[str] = ()  # noqa: N815
    min: float = 0.0
    max: float = 1.0
    normMin: float = 0.0  # noqa: N815
    normMax: float = 1.0  # noqa: N815
    clampMin = False  # noqa: N815
    clampMax = False  # noqa: N815

    def __init__(self, owner: "Operator", name: str, style: str, label: str | None) -> None:
        if not re.fullmatch("[A-Z][a-z0-9]*", name):
            raise ValueError(f"custom parameters begin with a capital, and go on without any: {name!r}")
        self.owner, self.name, self.style, self.label = owner, name, style, label or name
        self.val: Any = 0 if style in ("Float", "Int", "Toggle", "Momentary") else None
        self.default: Any = None

    @property
    def isMenu(self) -> bool:  # noqa: N802
        return self.style == "Menu"

    @property
    def menuIndex(self) -> int:  # noqa: N802
        return list(self.menuNames).index(self.val)

    def eval(self) -> Any:
        if self.style not in ("Float", "Int"):
            return self.val
        low, high = self.min if self.clampMin else self.val, self.max if self.clampMax else self.val
        return max(low, min(high, self.val))


class ParCollection:
    """An operator's `par` (ParCollection Class): members by name; with brackets None where there is none."""

    def __init__(self) -> None:
        self._pars: dict[str, Par] = {}

    def __getattr__(self, name: str) -> Par:
        try:
            return self.__dict__["_pars"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Par | None:
        return self._pars.get(name)

    def add(self, par: Par) -> None:
        self._pars[par.name] = par

    def remove(self, name: str) -> None:
        del self._pars[name]

    def all(self) -> list[Par]:
        return list(self._pars.values())


class Page:
    """A page of custom parameters (Page Class): each method returns a group of one."""

    def __init__(self, owner: "Operator", name: str) -> None:
        self._owner = owner
        self._names: list[str] = []
        self.name = name

    def _append(self, name: str, style: str, label: str | None) -> tuple[Par]:
        par = Par(self._owner, name, style, label)
        self._owner.par.add(par)
        self._names.append(name)
        return (par,)

    def destroy(self) -> None:
        self._owner.customPages.remove(self)
        for name in self._names:
            self._owner.par.remove(name)

    def appendStr(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "Str", label)

    def appendFile(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "File", label)

    def appendToggle(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "Toggle", label)

    def appendPulse(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "Pulse", label)

    def appendMomentary(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "Momentary", label)

    def appendFloat(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "Float", label)

    def appendInt(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "Int", label)

    def appendMenu(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "Menu", label)

    def appendTOP(self, name: str, label: str | None = None) -> tuple[Par]:  # noqa: N802
        return self._append(name, "TOP", label)


_ids = itertools.count(1)


class Operator:
    """What Script TOP and Script CHOP have in common (OP Class), and what TouchDesigner does with them.

    Attributes:
        errors, warnings: as of the last cook.
    """

    def __init__(self, callbacks: Path) -> None:
        self.id = next(_ids)
        self.par = ParCollection()
        self.customPages: list[Page] = []
        module = load(callbacks)
        self.par.__dict__["callbacks"] = SimpleNamespace(eval=lambda: SimpleNamespace(module=module))
        self.module = module
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._cooking = False

    def appendCustomPage(self, name: str) -> Page:  # noqa: N802
        found = next((page for page in self.customPages if page.name == name), None)
        if found is None:
            found = Page(self, name)
            self.customPages.append(found)
        return found

    @property
    def customPars(self) -> list[Par]:  # noqa: N802
        return self.par.all()

    def addError(self, message: str) -> None:  # noqa: N802
        self._must_be_cooking()
        self.errors.append(message)

    def addWarning(self, message: str) -> None:  # noqa: N802
        self._must_be_cooking()
        self.warnings.append(message)

    def setup(self) -> None:
        """Press Setup Parameters."""
        self.module.onSetupParameters(self)

    def pulse(self, name: str) -> None:
        """Press a button."""
        self.module.onPulse(getattr(self.par, name))

    def cook(self) -> None:
        """Cook once."""
        self.errors, self.warnings, self._cooking = [], [], True
        try:
            self.module.onCook(self)
        finally:
            self._cooking = False

    def _must_be_cooking(self) -> None:
        assert self._cooking, "only within onCook"


class ScriptTop(Operator):
    """A Script TOP (scriptTOP Class).

    Attributes:
        texture: what it shows, uint8 (height, width, 4), the bottom row first; it stays until something else is copied.
        copies: how often something was.
    """

    texture: np.ndarray | None = None
    copies = 0

    def copyNumpyArray(self, array: np.ndarray) -> None:  # noqa: N802
        self._must_be_cooking()
        assert array.ndim == 3
        assert array.shape[2] in (1, 2, 3, 4)
        assert array.dtype in (np.uint8, np.uint16, np.float32)
        assert array.flags.c_contiguous  # what strides would do is not documented
        self.texture = array.copy()
        self.copies += 1


class ScriptChop(Operator):
    """A Script CHOP (scriptCHOP Class): channels of one sample or more."""

    def __init__(self, callbacks: Path) -> None:
        super().__init__(callbacks)
        self.numSamples = 600  # as a new one has them
        self.channels: dict[str, list[float]] = {}

    def clear(self) -> None:
        self.channels = {}

    def appendChan(self, name: str) -> list[float]:  # noqa: N802
        self._must_be_cooking()
        return self.channels.setdefault(name, [0.0] * self.numSamples)


def load(path: Path) -> ModuleType:
    """Return the module of a DAT that holds a file's text."""
    module = ModuleType(path.stem)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


@contextmanager
def touchdesigner() -> Iterator[ModuleType]:
    """Let `import td` work, as within TouchDesigner."""
    td = ModuleType("td")
    td.CookLevel = CookLevel  # type: ignore[attr-defined]
    td.absTime = AbsTime()  # type: ignore[attr-defined]
    sys.modules["td"] = td
    yield td
    del sys.modules["td"]
