"""`avserver import`, `models`, `seeds` and `project`: what is done with a generator beside playing it."""

import argparse
import json
import sys
from pathlib import Path

from avserver.errors import ConfigError


def add_import(parser: argparse.ArgumentParser) -> None:
    """Give `avserver import` its flags."""
    parser.add_argument("model", type=Path, metavar="IN", help="an official .pkl, rosinality's .pt, or an .npz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.safetensors", help="the file to write")
    parser.add_argument("--half", action="store_true", help="store float16, half the size")
    parser.add_argument("--sha256", metavar="HEX", help="what IN's must be")
    parser.add_argument("--licence", metavar="TEXT", help="a note on whose the model is, kept in the file")
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=_import)


def _import(arguments: argparse.Namespace) -> int:
    import numpy as np

    from avserver.generator import checkpoint
    from avserver.generator.importing import import_model
    from avserver.new_file import check_new
    from avserver.shelf import SUFFIX, look_at

    out: Path = arguments.output
    if out.suffix != SUFFIX:
        raise ConfigError(f"a model is written as {SUFFIX}, got {out.name}")
    check_new(out, force=arguments.force)
    if out.exists() and arguments.model.exists() and out.samefile(arguments.model):
        raise ConfigError(f"{out} cannot be written over itself")
    model = import_model(arguments.model, sha256=arguments.sha256, licence=arguments.licence)
    checkpoint.write(out, model, storage=np.float16 if arguments.half else np.float32)
    entry = look_at(out)
    print(json.dumps(entry.to_plain(), indent=1) if arguments.json else f"{out}: {entry.summary()}")
    return 0


def add_models(parser: argparse.ArgumentParser) -> None:
    """Give `avserver models` its flags."""
    parser.add_argument(
        "places", nargs="*", type=Path, metavar="PLACE", help="model files and folders; without one the bundled models"
    )
    parser.add_argument("--sheet", type=Path, metavar="OUT.png", help="draw sixteen seeds of the one model named")
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=_models)


def _models(arguments: argparse.Namespace) -> int:
    from avserver.shelf import Entry, look_into

    found = look_into(arguments.places)
    if arguments.sheet:
        entries = [entry for entry in found.values() if isinstance(entry, Entry)]
        if len(entries) != 1:
            raise ConfigError(f"a sheet shows one model, got {len(entries)}")
        _draw_sheet(entries[0].path, arguments.sheet, force=arguments.force)
    if arguments.json:
        plain = [
            entry.to_plain() if isinstance(entry, Entry) else {"file": str(path), "error": str(entry)}
            for path, entry in found.items()
        ]
        print(json.dumps(plain, indent=1))
        return 0
    named = {*arguments.places}
    for path, entry in found.items():
        if not isinstance(entry, Entry):
            print(f"unreadable: {entry}")
        elif path in named:
            print(*entry.details(), sep="\n")
        else:
            print(f"{path}: {entry.summary()}")
    return 0


def _draw_sheet(model: Path, out: Path, *, force: bool) -> None:
    from avserver.seeds import Casting, cast

    cast(Casting(seeds=tuple(range(16)), sheet=out, model=str(model), truncation_psi=0.7, force=force), sys.stderr)


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """Give `avserver seeds` its flags."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--first", type=int, default=0, metavar="SEED", help="the first of --count seeds in a row (0)")
    which.add_argument("--random", type=int, metavar="N", help="N seeds drawn at random, see --seed")
    which.add_argument("--seeds", metavar="LIST", help="these: 3,17,42 or a file that --list wrote")
    parser.add_argument("--count", type=int, default=64, metavar="N", help="how many seeds in a row (64)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="what --random begins from (0)")
    parser.add_argument("--diverse", type=int, metavar="K", help="keep the K seeds that differ most")
    parser.add_argument("--ws", type=Path, action="append", default=[], metavar="FILE", help="and a projected picture")
    parser.add_argument("-o", "--output", type=Path, metavar="SHEET", help="the contact sheet to write (.jpg, .png)")
    parser.add_argument("--list", type=Path, metavar="FILE.toml", help="write the seeds down, for a choir's `seeds`")
    parser.add_argument("--model", default="default", metavar="FILE", help="the generator (.safetensors)")
    parser.add_argument("--truncation-psi", type=float, default=1.0, metavar="X", help="distance from the average (1)")
    parser.add_argument("--columns", type=int, metavar="N", help="pictures in a row")
    parser.add_argument("--side", type=int, metavar="PX", help="side of a picture on the sheet (px)")
    parser.add_argument("--force", action="store_true", help="write over files that exist")
    parser.set_defaults(run=_seeds)


def _seeds(arguments: argparse.Namespace) -> int:
    from avserver.seeds import Casting, cast, chosen_seeds, random_seeds, seeds_from

    if arguments.seeds is not None:
        seeds = chosen_seeds(arguments.seeds)
    elif arguments.random is not None:
        seeds = random_seeds(arguments.random, arguments.seed)
    else:
        seeds = seeds_from(arguments.first, arguments.count)
    casting = Casting(
        seeds=seeds,
        ws=tuple(arguments.ws),
        diverse=arguments.diverse,
        sheet=arguments.output,
        seed_list=arguments.list,
        model=arguments.model,
        truncation_psi=arguments.truncation_psi,
        columns=arguments.columns,
        side_px=arguments.side,
        force=arguments.force,
    )
    print(f"seeds = {list(cast(casting, sys.stderr))}")
    return 0


def add_project(parser: argparse.ArgumentParser) -> None:
    """Give `avserver project` its flags."""
    parser.add_argument("picture", type=Path, metavar="PICTURE", help="a picture; its middle square is used")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.npz", help="the ws to write")
    parser.add_argument("--picture", dest="comparison", type=Path, metavar="FILE", help="write asked and found (.png)")
    parser.add_argument("--model", default="default", metavar="FILE", help="the generator (.safetensors)")
    parser.add_argument("--steps", type=int, default=500, metavar="N", help="more come nearer (500)")
    parser.add_argument("--plus", action="store_true", help="a w for every layer: nearer, less the model's own")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all randomness (0)")
    parser.add_argument("--force", action="store_true", help="write over files that exist")
    parser.set_defaults(run=_project)


def _project(arguments: argparse.Namespace) -> int:
    from avserver.project import Projecting, project_picture

    settings = Projecting(
        picture=arguments.picture,
        output=arguments.output,
        comparison=arguments.comparison,
        model=arguments.model,
        steps=arguments.steps,
        plus=arguments.plus,
        seed=arguments.seed,
        force=arguments.force,
    )
    found = project_picture(settings, sys.stderr)
    print(f"{arguments.output}: {100 * found.nearer:.1f} % nearer to {arguments.picture} than the average picture")
    return 0
