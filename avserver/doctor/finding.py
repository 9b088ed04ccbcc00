"""Findings: what a check found out, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from avserver.errors import AvserverError


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WANTING = "wanting"  # a show plays with it, but not all as it wants
    MISSING = "missing"  # it is not here; a show may do without
    BROKEN = "broken"  # it is here, and does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: the state, what is there in few words, and what to do about it in a sentence, if anything."""

    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Attributes:
        name: what is looked at.
        look: finds out; may raise whatever it likes.
        needed: whether a show cannot play while it is missing or broken.
    """

    name: str
    look: Callable[[], Finding]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A check and its finding, as a row of the table."""

    check: Check
    finding: Finding

    @property
    def prevents(self) -> bool:
        """Whether no show can play because of it."""
        return self.check.needed and self.finding.state in (State.MISSING, State.BROKEN)

    def to_plain(self) -> dict[str, str | bool]:
        """Return it as plain data, for machines."""
        finding = self.finding
        return {
            "check": self.check.name,
            "state": str(finding.state),
            "found": finding.found,
            "advice": finding.advice,
            "needed": self.check.needed,
        }

    def lines(self) -> list[str]:
        """Return it as a line, and another for the advice, for people."""
        finding = self.finding
        lines = [f"{finding.state:<8} {self.check.name:<26} {finding.found}".rstrip()]
        return lines + ([f"{'':<8} -> {finding.advice}"] if finding.advice else [])


def examine(check: Check) -> Row:
    """Run a check. One that fails is a row too: what is wrong with one thing hides nothing of the others."""
    try:
        finding = check.look()
    except AvserverError as err:
        finding = Finding(State.BROKEN, str(err))
    except ImportError as err:
        finding = Finding(State.MISSING, str(err), "a package is missing or broken: install avserver anew")
    except Exception as err:  # noqa: BLE001  (a driver's library may raise anything)
        finding = Finding(State.BROKEN, f"{type(err).__name__}: {err}", "please report this: the check itself failed")
    return Row(check, finding)
