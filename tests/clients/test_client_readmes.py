"""What the clients' pages say of mapping files can be played, and what they link to is there."""

import re
from pathlib import Path

import pytest

from avserver.control.mapping import parse_patch

CLIENTS = Path(__file__).parents[2] / "clients"
PAGES = [CLIENTS / name / "README.md" for name in ("ableton", "camera", "resolume", "touchdesigner")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_page_is_true(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for example in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        patch = parse_patch(example, file=str(page))
        assert patch.modulations or patch.sends
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
    for program in re.findall(r"`(\w+\.py)`", text):
        assert (page.parent / program).exists(), program
