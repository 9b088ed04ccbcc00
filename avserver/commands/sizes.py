"""Sizes on the command line."""

import argparse
import re


def size(text: str) -> tuple[int, int]:
    """Read WIDTHxHEIGHT, or one number for both (px). Raises ArgumentTypeError for anything else."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a size is WIDTHxHEIGHT in px, e.g. 512x288, got {text!r}")
    width = int(match[1])
    return width, int(match[2] or width)
