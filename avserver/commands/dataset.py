"""`avserver dataset`: pictures to learn from."""

import argparse
import os
import sys
from pathlib import Path


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Give `avserver dataset` its flags."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    paint = commands.add_parser("paint", help="make abstract paintings, dark and colourful, no two alike")
    paint.add_argument("folder", type=Path, metavar="OUT", help="the folder of the dataset; one broken off goes on")
    paint.add_argument("--count", type=int, default=1000, metavar="N", help="how many (1000)")
    paint.add_argument("--seed", type=int, default=0, metavar="S", help="of the first; the next follow (0)")
    paint.add_argument("--size", type=int, default=256, metavar="PX", help="their side (256)")
    paint.add_argument("--family", action="append", default=[], metavar="NAME", help="only of this one; repeatable")
    paint.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (all cores)")
    paint.set_defaults(run=_paint)


def _paint(arguments: argparse.Namespace) -> int:
    from avserver.errors import ConfigError
    from avserver.progress import Progress
    from avserver.training.painted import Painting, paint_dataset

    if not 1 <= arguments.workers <= 1024:
        raise ConfigError(f"--workers is a number from 1 to 1024, got {arguments.workers}")
    painting = Painting(arguments.count, arguments.seed, arguments.size, tuple(arguments.family))
    with Progress(painting.count, sys.stderr) as progress:
        paint_dataset(arguments.folder, painting, workers=arguments.workers, say=progress.show)
    print(f"{painting.count} paintings of {painting.size_px} px in {arguments.folder}")
    return 0
