"""`avserver listen`."""

import argparse
from pathlib import Path


def add_listen(parser: argparse.ArgumentParser) -> None:
    """Give `avserver listen` its flags."""
    parser.add_argument("song", metavar="SONG", help="wav, flac, ogg, mp3 or m4a, or `demo`")
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="draw everything that was heard")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write everything that was heard")
    parser.add_argument("--stems", type=Path, metavar="DIR", help="write what it was separated into (.wav)")
    parser.add_argument("--truth", type=Path, metavar="TRUTH.json", help="say how right it was")
    parser.add_argument("--force", action="store_true", help="write over files that exist")
    parser.set_defaults(run=_listen)


def _listen(arguments: argparse.Namespace) -> int:
    from avserver.listen.song import Listen, listen

    heard = listen(
        Listen(
            song=arguments.song,
            plot=arguments.plot,
            json=arguments.json,
            stems=arguments.stems,
            truth=arguments.truth,
            force=arguments.force,
        )
    )
    for name, value in heard.summary.items():
        print(f"{name:<32} {value}")
    for name, figure in heard.figures.items():
        print(f"{name:<32} {figure:.3f}")
    return 0
