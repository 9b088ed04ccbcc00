"""The pictures that a run writes of itself."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avserver.contact_sheet import LABEL_PX
from avserver.errors import ConfigError
from avserver.training.log import Log
from avserver.training.sheets import curves, sheet


def test_pictures_stand_close_in_rows() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    drawn = np.asarray(sheet(pictures, columns=3))
    assert drawn.shape == (2 + 2 * 18, 2 + 3 * 18, 3)
    assert np.array_equal(drawn[20:36, 20:36], pictures[4])
    assert np.ptp(drawn[20:, 38:], axis=(0, 1)).max() == 0, "no sixth"


def test_captions_have_room_below() -> None:
    pictures = np.zeros((2, 32, 32, 3), np.uint8)
    drawn = np.asarray(sheet(pictures, columns=1, gap_px=0, captions=("17", "")))
    assert drawn.shape == (2 * (32 + LABEL_PX), 32, 3)
    assert drawn[32 : 32 + LABEL_PX].max() > 150
    assert np.ptp(drawn[64 + LABEL_PX :]) == 0


def drawn_curves(folder: Path, rows: list[tuple[int, dict[str, float]]]) -> np.ndarray:
    """Return the picture of a log with the columns a to d."""
    folder.mkdir()
    log = Log(folder / "log.csv", ("a", "b", "c", "d"))
    for pictures, values in rows:
        log.add(pictures, values)
    curves(folder / "log.csv", folder / "log.png")
    assert sorted(entry.name for entry in folder.iterdir()) == ["log.csv", "log.png"]
    return np.asarray(Image.open(folder / "log.png").convert("RGB")).astype(int)


def test_each_column_has_a_plot_and_gaps_are_skipped(tmp_path: Path) -> None:
    rows = [(n * 1000, {"a": n / 3, "b": 5.0 - n} if n % 2 else {"a": n / 3, "c": float("inf")}) for n in range(8)]
    drawn = drawn_curves(tmp_path / "full", rows)
    height, width = drawn.shape[0] // 2, drawn.shape[1] // 3
    cyan = (np.abs(drawn - (0x4B, 0xC7, 0xFF)).sum(axis=-1) < 60).astype(int)
    inked = [int(cyan[y : y + height, x : x + width].sum()) for y in (0, height) for x in (0, width, 2 * width)]
    assert min(inked[:2]) > 300, "a line"
    assert inked[2:] == [0, 0, 0, 0], "nothing known of c and d, and no more columns"
    assert drawn.mean() < 40, "dark"
    sparse = drawn_curves(tmp_path / "sparse", [row for row in rows if row[0] in (1000, 7000)])
    assert not np.array_equal(drawn, sparse)


def test_a_run_that_has_just_begun_has_empty_plots(tmp_path: Path) -> None:
    assert drawn_curves(tmp_path / "new", []).shape == drawn_curves(tmp_path / "one", [(0, {"a": 1})]).shape


def test_what_is_no_log_is_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="not the log of a run"):
        curves(tmp_path / "x.csv", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()
