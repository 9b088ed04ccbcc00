"""Pictures that a run writes of itself: sheets of what it draws, and curves of its figures."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from PIL import Image

from avserver.contact_sheet import lay_out
from avserver.plot_style import GRID, HIGH, STYLE
from avserver.training.log import read_log

ACROSS = 3  # curves in a row
WIDTH_IN, HEIGHT_IN, DPI = 4.4, 2.4, 110  # of one


def sheet(
    pictures: npt.NDArray[np.uint8], *, columns: int | None = None, gap_px: int = 2, captions: Sequence[str] = ()
) -> Image.Image:
    """Return pictures, (n, R, R, 3), in rows.

    Args:
        pictures: at least one.
        columns: in a row; None makes it about as wide as high.
        gap_px: between them and around.
        captions: one for each to stand below it, or none.
    """
    return lay_out([Image.fromarray(picture) for picture in pictures], captions, columns=columns, gap_px=gap_px)


def curves(csv_path: Path, png_path: Path) -> None:
    """Draw the log of a run: a small plot for each of its columns. Raises ConfigError if it is no log.

    The picture appears when it is whole, so that it may be looked at while the run writes the next.
    """
    at, *figures = read_log(csv_path).items()
    rows = max(1, math.ceil(len(figures) / ACROSS))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(ACROSS * WIDTH_IN, rows * HEIGHT_IN), dpi=DPI, layout="constrained")
        plots = figure.subplots(rows, ACROSS, squeeze=False).ravel()
        for axes, (name, values) in zip(plots, figures, strict=False):
            _draw(axes, name, at[1], values)
        for axes in plots[len(figures) :]:
            axes.set_axis_off()
        unfinished = png_path.with_name(png_path.name + ".unfinished")
        figure.savefig(unfinished, format="png")
    unfinished.replace(png_path)


def _draw(axes: Axes, name: str, pictures: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> None:
    known = np.isfinite(values)
    # What is measured seldom has dots, or a single value could not be seen.
    marker = "." if known.sum() < 50 else ""
    axes.plot(pictures[known], values[known], color=HIGH, marker=marker)
    if pictures.size:
        axes.set_xlim(0, max(pictures.max(), 1))
    axes.set_title(name, loc="left", fontsize=10)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("pictures", fontsize=8)
    axes.tick_params(labelsize=8)
