"""`avserver serve`: its flags, laid over a show file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avserver.commands.sizes import size

if TYPE_CHECKING:
    from avserver.config import Show


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Give `avserver serve` its flags."""
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
    parser.add_argument("--size", type=size, metavar="WxH", help="size of the frames (px), e.g. 1920x1080 or 512")
    parser.add_argument("--duration", type=float, metavar="S", help="stop after so many seconds")
    parser.add_argument("--osc-port", type=int, metavar="PORT", help="port for OSC, UDP and TCP")
    parser.add_argument("--oscquery-port", type=int, metavar="PORT", help="TCP port for OSCQuery")
    parser.add_argument("--no-oscquery", action="store_true", help="no OSCQuery")
    parser.add_argument("--zeromq", metavar="ADDRESS", help="where frames are published, e.g. tcp://127.0.0.1:5555")
    parser.add_argument(
        "--preview-host", metavar="HOST", help="where the preview page is reached, e.g. 0.0.0.0; then it has a token"
    )
    parser.add_argument("--preview-port", type=int, metavar="PORT", help="TCP port of the preview page")
    parser.add_argument("--no-preview", action="store_true", help="no preview page")
    parser.add_argument("--record", metavar="FILE", help="record the show into a file (.mp4, .mkv, .mov)")
    parser.add_argument("--take", metavar="FILE", help="write what is decided into a file (.take), to be drawn again")
    parser.add_argument(
        "--replay", type=Path, metavar="TAKE", help="play a take; whatever is turned meanwhile is turned"
    )
    parser.add_argument("--force", action="store_true", help="record over a file that exists")
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
    if arguments.replay:
        show = change(show, "take", replay=str(arguments.replay))
    if show.take.replay:
        show = _replaying(show, arguments)
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
        "recording": {"path": arguments.record, "overwrite": arguments.force or None},
        "take": {"path": arguments.take, "overwrite": arguments.force or None},
        "preview": {
            "host": arguments.preview_host,
            "port": arguments.preview_port,
            "enabled": False if arguments.no_preview else None,
        },
    }
    for section, values in flags.items():
        given = {name: value for name, value in values.items() if value is not None}
        if given:
            show = change(show, section, **given)
    return show


def _replaying(show: "Show", arguments: argparse.Namespace) -> "Show":
    """Return the show with the frames, the models and the mapping of the take that it replays."""
    from avserver.config import change
    from avserver.errors import ConfigError
    from avserver.take.facts import as_it_was
    from avserver.take.reader import Take

    if arguments.audio:
        raise ConfigError("a take brings its own sound: --replay goes without --audio")
    show = as_it_was(show, Take(Path(show.take.replay)))
    # The model that may be mixed in fits those of the take, which another one need not be like.
    return change(show, "model", partner="", also=()) if arguments.model else show
