"""The examination: all checks in their order, and what they say together."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from avserver.config import built_in_show, load_show
from avserver.doctor.finding import Check, Finding, Row, State, examine
from avserver.doctor.machine import machine_checks
from avserver.doctor.rehearsal import rehearsal_checks
from avserver.doctor.surroundings import surroundings_checks
from avserver.errors import ConfigError


def doctor(path: Path | None, *, quick: bool, as_json: bool, out: TextIO) -> int:
    """Examine this machine for a show, and write a table, line by line as it comes, or JSON.

    Args:
        path: the show file; None for the show that plays without one.
        quick: leave out running the model.
        as_json: for machines.
        out: where to write.

    Returns:
        The exit code: 0 if the show can play, 1 if not.
    """
    rows = []
    for row in _rows(path, quick=quick):
        rows.append(row)
        if not as_json:
            out.writelines(f"{line}\n" for line in row.lines())
            out.flush()
    prevented = [row.check.name for row in rows if row.prevents]
    if as_json:
        plain = {"plays": not prevented, "checks": [row.to_plain() for row in rows]}
        out.write(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    else:
        out.write(
            f"\nno show can play before this is mended: {', '.join(prevented)}\n"
            if prevented
            else "\na show can play\n"
        )
    return 1 if prevented else 0


def _rows(path: Path | None, *, quick: bool) -> Iterator[Row]:
    show, problem = built_in_show(), ""
    if path is not None:
        try:
            show = load_show(path)
        except ConfigError as err:
            problem = str(err)
        finding = Finding(State.BROKEN, problem, "mend the show file") if problem else Finding(State.OK, str(path))
        yield examine(Check("show file", lambda: finding, needed=True))
    # With a broken show file the rest is said of the show that plays without one.
    for check in (*machine_checks(), *surroundings_checks(show), *rehearsal_checks(show, quick=quick)):
        yield examine(check)
