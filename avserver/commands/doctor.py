"""`avserver doctor`: what works on this machine."""

import argparse
import logging
import sys
from pathlib import Path


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Give `avserver doctor` its flags."""
    parser.add_argument("show", nargs="?", type=Path, metavar="SHOW.toml", help="a show file; without one the demo")
    parser.add_argument("--quick", action="store_true", help="do not run the model to see how fast it is")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from avserver.doctor.examination import doctor

    # What outputs warn of stands in the table.
    logging.getLogger("avserver.outputs").setLevel(logging.ERROR)
    return doctor(arguments.show, quick=arguments.quick, as_json=arguments.json, out=sys.stdout)
