"""What a bench found out: figures by group, for people and for machines."""

import json
from dataclasses import dataclass, field
from typing import Any, TextIO


@dataclass(slots=True)
class Report:
    """The figures, by group and name, in the order in which they were taken."""

    figures: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, group: str, name: str, value: float | str) -> None:
        """Note one figure; its name carries its unit."""
        self.figures.setdefault(group, {})[name] = round(value, 3) if isinstance(value, float) else value

    def write(self, out: TextIO, *, as_json: bool) -> None:
        """Write the figures as a table for people or as JSON for machines."""
        if as_json:
            out.write(json.dumps(self.figures, indent=1) + "\n")
            return
        for group, figures in self.figures.items():
            out.write(f"{group}\n")
            out.writelines(f"  {name:<40} {value:>12}\n" for name, value in figures.items())
