"""What all plots look like: light lines on a dark ground."""

from typing import Any

BACKGROUND, GRID, TEXT = "#0b0d12", "#262b36", "#c8cfdb"
LOW, MID, HIGH, WARM = "#ff5d5d", "#ffc24b", "#4bc7ff", "#b58bff"
# For `matplotlib.rc_context`.
STYLE: Any = {
    "figure.facecolor": BACKGROUND,
    "axes.facecolor": BACKGROUND,
    "axes.edgecolor": GRID,
    "axes.labelcolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "font.size": 10,
    "lines.linewidth": 1.1,
}
