"""The reference of parameters: the table as lines for a terminal, and as a page."""

from avserver.control.events import ROOT
from avserver.control.params import Kind, Param, ParamTable


def lines(table: ParamTable) -> list[str]:
    """Return one line for each parameter: address, default, what it takes, what it does."""
    address_width = max(len(address) for address in table)
    default_width = max(len(_default(param)) for param in table.values())
    return [
        f"{ROOT}{param.address:{address_width}}  {_default(param):>{default_width}}  "
        f"{_takes(param)}: {param.description}"
        for param in table.values()
    ]


def markdown(table: ParamTable) -> str:
    """Return a page with a section for each group of parameters, in the order of the table."""
    groups: dict[str, list[str]] = {}
    for param in table.values():
        groups.setdefault(_group(param), []).append(_row(param))
    head = ["| address | default | takes | |", "|---|---|---|---|"]
    sections = ["\n".join([f"## {group}", "", *head, *rows]) for group, rows in groups.items()]
    return "\n\n".join(["# Parameters", f"Every address begins with `{ROOT}`.", *sections]) + "\n"


def _group(param: Param) -> str:
    """Return the first part of the address, and the second where it is a name."""
    parts = param.address.split("/")[1:]
    return "/".join(parts[:-1][:2]) or parts[0]


def _row(param: Param) -> str:
    cells = (f"`{param.address}`", _default(param), _takes(param), param.description)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _takes(param: Param) -> str:
    return "nothing, or 1" if param.kind is Kind.TRIGGER else param.allowed()


def _default(param: Param) -> str:
    if param.kind is Kind.TRIGGER:
        return ""
    if param.kind is Kind.BOOL:
        return "on" if param.default else "off"
    if param.choices:
        return param.choices[int(param.default) - int(param.minimum)]
    return f"{param.default:.6g} {param.unit}".rstrip() if param.kind is Kind.FLOAT else str(param.default)
