"""What the clients' pages say of show and mapping files can be played, and what they link to is there."""

import re
from pathlib import Path

import pytest

from avserver.config import load_show
from avserver.control.mapping import parse_patch

CLIENTS = Path(__file__).parents[2] / "clients"
PAGES = sorted(CLIENTS.glob("*/README.md"))
FOLDERS = {"ableton", "camera", "node", "obs", "python", "resolume", "touchdesigner", "web"}


def test_every_client_has_a_page() -> None:
    assert {page.parent.name for page in PAGES} == FOLDERS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_page_is_true(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for example in re.findall(r"```(?:toml|ini)\n(.*?)```", text, re.DOTALL):
        if "[[output]]" in example:
            (tmp_path / "show.toml").write_text(example, encoding="utf-8")
            assert len(load_show(tmp_path / "show.toml").outputs) > 1, "that of the file, and the one by default"
        else:
            patch = parse_patch(example, file=str(page))
            assert patch.modulations or patch.sends
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
    for program in re.findall(r"`(\w+\.(?:py|mjs|html))`", text):
        assert (page.parent / program).exists(), program
