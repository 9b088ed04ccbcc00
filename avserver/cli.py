"""The command line: which commands there are, and how they end."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from avserver.commands import control, dataset, doctor, keys, listen, measure, models, render, serve, train
from avserver.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 for a mistake of the caller's (one sentence on stderr)."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(format="avserver: %(message)s", level=logging.INFO)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except UserError as err:
        print(f"avserver: {err}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads, such as `head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="avserver", description="Listens to music and plays a StyleGAN generator with it."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    serve.add_serve(commands.add_parser("serve", help="play a show: music in, frames out, knobs over OSC"))
    render.add_render(commands.add_parser("render", help="make a film of a song, every frame of it"))
    dataset.add_dataset(commands.add_parser("dataset", help="make pictures to learn from"))
    train.add_train(commands.add_parser("train", help="train a model of one's own pictures"))
    models.add_import(commands.add_parser("import", help="turn a model of another program into a safe file"))
    models.add_models(commands.add_parser("models", help="list models, or look at one"))
    control.add_devices(
        commands.add_parser("devices", help="list the inputs that a show can listen to, and controllers")
    )
    control.add_midi(commands.add_parser("midi", help="teach a mapping file your controller, or see what it sends"))
    control.add_params(commands.add_parser("params", help="list every parameter that can be turned"))
    control.add_presets(commands.add_parser("presets", help="list the presets of a show"))
    models.add_seeds(commands.add_parser("seeds", help="draw what seeds look like, pick some, write them down"))
    models.add_project(commands.add_parser("project", help="find a picture of yours among those that a model draws"))
    listen.add_listen(
        commands.add_parser("listen", help="listen to a song: what is heard in it, and a picture of that")
    )
    keys.add_keys(commands.add_parser("keys", help="make keys that say who may have the frames"))
    doctor.add_doctor(
        commands.add_parser("doctor", help="say what works on this machine, and what to do about the rest")
    )
    measure.add_watch(commands.add_parser("watch", help="show how a running server is doing"))
    measure.add_bench(commands.add_parser("bench", help="measure speed, latency and memory on this machine"))
    return parser
