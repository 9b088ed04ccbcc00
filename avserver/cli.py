"""The command line. Thin: parse, build, call; whatever is heavy is imported by the command that needs it."""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avserver.errors import ConfigError, UserError

if TYPE_CHECKING:
    from avserver.config import Show


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
    _add_serve(commands.add_parser("serve", help="play a show: music in, frames out, knobs over OSC"))
    _add_import(commands.add_parser("import", help="turn a model of another program into a safe file"))
    _add_models(commands.add_parser("models", help="list models, or look at one"))
    _add_devices(commands.add_parser("devices", help="list the inputs that a show can listen to, and controllers"))
    _add_midi(commands.add_parser("midi", help="teach a mapping file your controller, or see what it sends"))
    _add_params(commands.add_parser("params", help="list every parameter that can be turned"))
    _add_presets(commands.add_parser("presets", help="list the presets of a show"))
    _add_seeds(commands.add_parser("seeds", help="draw what seeds look like, pick some, write them down"))
    _add_project(commands.add_parser("project", help="find a picture of yours among those that a model draws"))
    _add_listen(commands.add_parser("listen", help="listen to a song: what is heard in it, and a picture of that"))
    _add_watch(commands.add_parser("watch", help="show how a running server is doing"))
    _add_bench(commands.add_parser("bench", help="measure speed, latency and memory on this machine"))
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "show", nargs="?", type=Path, metavar="SHOW.toml", help="a show file; without one the demo plays"
    )
    parser.add_argument(
        "--audio",
        metavar="SOURCE",
        help="a song (wav, flac, ogg, mp3, m4a), demo, none, osc, device:NAME, jack:PORTS, rtp://HOST:PORT or "
        "zmq+tcp://HOST:PORT",
    )
    parser.add_argument("--loop", action="store_true", help="play the music again when it ends")
    parser.add_argument("--model", metavar="FILE", help="the generator (.safetensors)")
    parser.add_argument("--mapping", metavar="FILE", help="what drives what (.toml)")
    parser.add_argument("--also", metavar="FILE", action="append", help="a further mapping, a controller's; repeatable")
    parser.add_argument("--preset", metavar="NAME", help="the preset to start with")
    parser.add_argument("--fps", type=float, help="frames a second")
    parser.add_argument("--size", type=_size, metavar="WxH", help="size of the frames (px), e.g. 512x288 or 512")
    parser.add_argument("--duration", type=float, metavar="S", help="stop after so many seconds")
    parser.add_argument("--osc-port", type=int, metavar="PORT", help="port for OSC, UDP and TCP")
    parser.add_argument("--oscquery-port", type=int, metavar="PORT", help="TCP port for OSCQuery")
    parser.add_argument("--no-oscquery", action="store_true", help="no OSCQuery")
    parser.add_argument("--zeromq", metavar="ADDRESS", help="where frames are published, e.g. tcp://127.0.0.1:5555")
    parser.add_argument("--preview-port", type=int, metavar="PORT", help="TCP port of the preview page")
    parser.add_argument("--no-preview", action="store_true", help="no preview page")
    parser.add_argument("--print-config", action="store_true", help="print the whole effective show file and exit")
    parser.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from avserver.config import to_toml

    show = _effective_show(arguments)
    if arguments.print_config:
        print(to_toml(show), end="")
        return 0
    from avserver.server import serve

    serve(show, lambda line: print(line, flush=True))
    return 0


def _effective_show(arguments: argparse.Namespace) -> "Show":
    """Return the show file's settings (or the built-in show's) with the flags on top."""
    from avserver.config import built_in_show, change, load_show

    show = load_show(arguments.show) if arguments.show else built_in_show()
    if arguments.audio:
        show = change(show, "audio", source=arguments.audio, loop=arguments.loop)
    elif arguments.loop:
        show = change(show, "audio", loop=True)
    width_px, height_px = arguments.size or (None, None)
    flags = {
        "model": {"path": arguments.model},
        "mapping": {"path": arguments.mapping, "also": tuple(arguments.also) if arguments.also else None},
        "presets": {"start": arguments.preset},
        "frame": {
            "fps": arguments.fps,
            "width_px": width_px,
            "height_px": height_px,
            "duration_s": arguments.duration,
        },
        "osc": {"port": arguments.osc_port},
        "oscquery": {"port": arguments.oscquery_port, "enabled": False if arguments.no_oscquery else None},
        "zeromq": {"address": arguments.zeromq},
        "preview": {"port": arguments.preview_port, "enabled": False if arguments.no_preview else None},
    }
    for section, values in flags.items():
        given = {name: value for name, value in values.items() if value is not None}
        if given:
            show = change(show, section, **given)
    return show


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a size is WIDTHxHEIGHT in px, e.g. 512x288, got {text!r}")
    width = int(match[1])
    return width, int(match[2] or width)


def _add_import(parser: argparse.ArgumentParser) -> None:
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


def _add_models(parser: argparse.ArgumentParser) -> None:
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


def _add_devices(parser: argparse.ArgumentParser) -> None:
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


def _add_midi(parser: argparse.ArgumentParser) -> None:
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


def _add_params(parser: argparse.ArgumentParser) -> None:
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


def _add_presets(parser: argparse.ArgumentParser) -> None:
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


def _add_seeds(parser: argparse.ArgumentParser) -> None:
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


def _add_project(parser: argparse.ArgumentParser) -> None:
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


def _add_listen(parser: argparse.ArgumentParser) -> None:
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


def _add_watch(parser: argparse.ArgumentParser) -> None:
    _add_osc_address(parser)
    parser.add_argument("--interval", type=float, default=0.5, metavar="S", help="seconds between two looks")
    parser.add_argument("--count", type=int, metavar="N", help="stop after so many looks")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=_watch)


def _watch(arguments: argparse.Namespace) -> int:
    from avserver.watch import watch

    return watch(
        arguments.osc_host,
        arguments.osc_port,
        json=arguments.json,
        count=arguments.count,
        interval_s=arguments.interval,
        out=sys.stdout,
    )


def _add_osc_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--osc-host", default="127.0.0.1", metavar="HOST", help="where the server listens for OSC")
    parser.add_argument("--osc-port", type=int, default=9000, metavar="PORT", help="UDP port for OSC")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        default="show",
        choices=("show", "generator", "swap", "listen", "control"),
        help="a whole server (show), drawing alone (generator), changing models (swap), hearing (listen), "
        "obeying (control)",
    )
    parser.add_argument(
        "--duration", type=float, default=30.0, metavar="S", help="show, control: how long to watch the rate"
    )
    parser.add_argument("--frames", type=int, default=100, metavar="N", help="generator: how many frames to time")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="generator: threads of the CPU")
    parser.add_argument("--swaps", type=int, default=10, metavar="N", help="swap: how many changes of the model")
    parser.add_argument("--song", default="demo", metavar="SONG", help="listen: the song to take the time on (demo)")
    parser.add_argument(
        "--music", type=Path, metavar="DIR", help="listen: songs with their truth, to see how right it is"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--model", default="default", metavar="FILE", help="the generator (.safetensors)")
    parser.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from avserver.bench.report import Report

    report = Report()
    _in_range("--duration", arguments.duration, 5, 86_400)
    _in_range("--frames", arguments.frames, 3, 100_000)
    _in_range("--threads", arguments.threads, 1, 256)
    _in_range("--swaps", arguments.swaps, 1, 10_000)
    if arguments.what == "generator":
        from avserver.bench.generator import bench_generator

        bench_generator(report, model=arguments.model, frames=arguments.frames, threads=arguments.threads)
    elif arguments.what == "swap":
        from avserver.bench.swap import bench_swap

        bench_swap(report, model=arguments.model, swaps=arguments.swaps)
    elif arguments.what == "listen":
        from avserver.bench.listen import bench_listen

        bench_listen(report, music=arguments.music, song=arguments.song)
    elif arguments.what == "control":
        from avserver.bench.control import bench_control

        bench_control(report, duration_s=arguments.duration, model=arguments.model)
    else:
        from avserver.bench.show import bench_show

        bench_show(report, duration_s=arguments.duration, model=arguments.model)
    report.write(sys.stdout, as_json=arguments.json)
    return 0


def _in_range(flag: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{flag} is a number from {low:g} to {high:g}, got {value:g}")
