"""`avserver dataset`: pictures to learn from."""

import argparse
import os
import sys
from pathlib import Path

_NAMED = 3  # files of a kind in a summary


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Give `avserver dataset` its flags."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    paint = commands.add_parser("paint", help="make abstract paintings, dark and colourful, no two alike")
    paint.add_argument("folder", type=Path, metavar="OUT", help="the folder of the dataset; one broken off goes on")
    paint.add_argument("--count", type=int, default=1000, metavar="N", help="how many (1000)")
    paint.add_argument("--seed", type=int, default=0, metavar="S", help="of the first; the next follow (0)")
    paint.add_argument("--size", type=int, default=256, metavar="PX", help="their side (256)")
    paint.add_argument(
        "--finest",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="paint anew what has more of its contrast in details finer than a 16th of its side (1: all is taken)",
    )
    paint.add_argument("--family", action="append", default=[], metavar="NAME", help="only of this one; repeatable")
    _add_workers(paint)
    paint.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS",
        help="have a Ray cluster paint: auto, host:port of its head, or local",
    )
    paint.set_defaults(run=_paint)
    taken = commands.add_parser(
        "import", help="take pictures of your own: PNG, JPEG, WebP, GIF, TIFF, BMP; report.csv tells of each file"
    )
    taken.add_argument("source", type=Path, metavar="FOLDER", help="the pictures, also in folders in it")
    taken.add_argument("folder", type=Path, metavar="OUT", help="the folder of the dataset; one broken off goes on")
    taken.add_argument("--size", type=int, default=256, metavar="PX", help="their side (256)")
    taken.add_argument(
        "--shape", default="crop", metavar="crop|fit", help="the middle square (crop), or all of it on black (fit)"
    )
    taken.add_argument("--enlarge", action="store_true", help="take also pictures that are smaller than --size")
    taken.add_argument(
        "--limit-mpx", type=int, default=100, metavar="N", help="leave out what has more million pixels (100)"
    )
    taken.add_argument(
        "--near",
        type=int,
        default=4,
        metavar="BITS",
        help="of pictures whose looks differ in so few of 64 bits take the first; 0 takes look-alikes too (4)",
    )
    _add_workers(taken)
    taken.set_defaults(run=_import)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="processes (one a core; in a cluster, one a CPU)")


def _check_workers(workers: int | None) -> None:
    from avserver.errors import ConfigError

    if workers is not None and not 1 <= workers <= 1024:
        raise ConfigError(f"--workers is a number from 1 to 1024, got {workers}")


def _paint(arguments: argparse.Namespace) -> int:
    from avserver.progress import Progress
    from avserver.training.painted import Painting, paint_dataset

    _check_workers(arguments.workers)
    painting = Painting(arguments.count, arguments.seed, arguments.size, tuple(arguments.family), arguments.finest)
    with Progress(painting.count, sys.stderr) as progress:
        paint_dataset(
            arguments.folder, painting, workers=arguments.workers, cluster=arguments.cluster, say=progress.show
        )
    print(f"{painting.count} paintings of {painting.size_px} px in {arguments.folder}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from avserver.progress import Progress
    from avserver.training.foreign import Wish
    from avserver.training.imported import REPORT, import_pictures, names_in

    _check_workers(arguments.workers)
    wish = Wish(arguments.size, arguments.shape, arguments.enlarge, arguments.limit_mpx, arguments.near)
    source, folder = arguments.source, arguments.folder
    names = names_in(source)
    with Progress(len(names), sys.stderr) as progress:
        entries = import_pictures(
            source, names, folder, wish, workers=arguments.workers or os.cpu_count() or 1, say=progress.show
        )
    left_out: dict[str, list[str]] = {}
    for entry in entries:
        if entry.fate != "taken":
            left_out.setdefault(entry.fate, []).append(repr(entry.file))
    count = len(entries) - sum(map(len, left_out.values()))
    print(f"{count} pictures of {wish.size_px} px in {folder}, of {len(entries)} files; {REPORT} there tells of each")
    for fate, files in sorted(left_out.items()):
        print(f"  {len(files)} {fate}: {', '.join(files[:_NAMED])}{' …' if len(files) > _NAMED else ''}")
    return 0
