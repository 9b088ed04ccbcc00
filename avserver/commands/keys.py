"""`avserver keys`: who may have the frames."""

import argparse
from pathlib import Path


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Give `avserver keys` its flags."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make keys for a ZeroMQ output and for whoever may read it")
    new.add_argument(
        "name", nargs="?", default="avserver", metavar="NAME", help="what their files are called (avserver)"
    )
    new.add_argument("--folder", type=Path, default=Path("keys"), metavar="DIR", help="where to (keys)")
    new.add_argument("--force", action="store_true", help="put new ones in the place of those that exist")
    new.set_defaults(run=_new)


def _new(arguments: argparse.Namespace) -> int:
    from avserver.outputs.keys import write_new_keys

    files = write_new_keys(arguments.name, arguments.folder, force=arguments.force)
    print(f"{files.server} stays with the show: name it as keys of a zeromq output in the show file.")
    print(f"{files.client} goes to whoever may have the frames, by a safe way: whoever has it gets them.")
    return 0
