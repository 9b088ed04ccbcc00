"""`avserver devices`, `midi`, `params` and `presets`: what there is to play on, and with."""

import argparse
import json
import sys
from pathlib import Path

from avserver.errors import ConfigError


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Give `avserver devices` its flags."""
    parser.add_argument("--json", action="store_true", help="for machines")
    _add_midi_backend(parser)
    parser.set_defaults(run=_devices)


def _devices(arguments: argparse.Namespace) -> int:
    from avserver.audio.devices import look
    from avserver.control.midi.monitor import controllers

    devices, midi = look(), controllers(arguments.midi_backend)
    if arguments.json:
        print(json.dumps({**devices.to_plain(), **midi.to_plain()}, indent=1))
    else:
        print(*devices.lines(), *midi.lines(), sep="\n")
    return 0


def add_midi(parser: argparse.ArgumentParser) -> None:
    """Give `avserver midi` its flags."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    learning = actions.add_parser("learn", help="join a knob to a parameter: move it, and it is written down")
    learning.add_argument("--mapping", type=Path, metavar="FILE", help="the mapping file to write to; else it is shown")
    learning.add_argument("--to", metavar="ADDRESS", help="the parameter, e.g. /noise/strength; else you are asked")
    learning.set_defaults(run=_midi_learn)
    watching = actions.add_parser("monitor", help="show what controllers send")
    watching.add_argument("--duration", type=float, default=0.0, metavar="S", help="stop after so many seconds")
    watching.set_defaults(run=_midi_monitor)
    for action in (learning, watching):
        _add_midi_backend(action)


def _add_midi_backend(parser: argparse.ArgumentParser) -> None:
    from avserver.config import MIDI_BACKENDS

    parser.add_argument("--midi-backend", default="", choices=MIDI_BACKENDS, metavar="NAME", help="alsa, jack …")


def _midi_learn(arguments: argparse.Namespace) -> int:
    from avserver.control.midi.learn import Lesson, learn

    lesson = Lesson(arguments.mapping, arguments.to, arguments.midi_backend)
    print(learn(lesson, _ask, lambda line: print(line, file=sys.stderr)), end="")
    return 0


def _ask(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        raise ConfigError(f"nobody answers: {question.strip()}") from None


def _midi_monitor(arguments: argparse.Namespace) -> int:
    from avserver.control.midi.monitor import monitor

    monitor(lambda line: print(line, flush=True), backend=arguments.midi_backend, duration_s=arguments.duration)
    return 0


def add_params(parser: argparse.ArgumentParser) -> None:
    """Give `avserver params` its flags."""
    parser.add_argument(
        "--mapping", metavar="FILE", nargs="+", default=["default"], help="mapping files, for their choirs and bends"
    )
    parser.add_argument("--markdown", action="store_true", help="a page, for people")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=_params)


def _params(arguments: argparse.Namespace) -> int:
    from avserver.bundled import mapping_path
    from avserver.control.mapping import load_patch
    from avserver.control.param_page import lines, markdown

    table = load_patch(*map(mapping_path, arguments.mapping)).param_table()
    if arguments.json:
        print(json.dumps([param.to_plain() for param in table.values()], indent=1))
        return 0
    print(markdown(table).rstrip() if arguments.markdown else "\n".join(lines(table)))
    return 0


def add_presets(parser: argparse.ArgumentParser) -> None:
    """Give `avserver presets` its flags."""
    parser.add_argument("show", nargs="?", type=Path, metavar="SHOW.toml", help="a show file; without one your own")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=_presets)


def _presets(arguments: argparse.Namespace) -> int:
    from avserver.config import built_in_show, load_show
    from avserver.control.preset_folder import PresetFolder

    show = load_show(arguments.show) if arguments.show else built_in_show()
    folder = PresetFolder(Path(show.presets.path))
    shelf = folder.look()
    if arguments.json:
        print(json.dumps([preset.to_plain() for preset in shelf.presets], indent=1))
    else:
        for preset in shelf.presets:
            number = "" if preset.number is None else preset.number
            print(f"{number:>6}  {preset.name:<32}  {len(preset.values)} values")
        if not shelf.presets:
            print(f"there are no presets in {folder.path}")
    for reason in shelf.refused.values():
        print(f"avserver: {reason}", file=sys.stderr)
    return 0
