"""`avserver render`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from avserver.commands.sizes import size

if TYPE_CHECKING:
    from avserver.config import Show

_INTERRUPTED = 130  # what a shell calls a program that Ctrl-C ended


def add_render(parser: argparse.ArgumentParser) -> None:
    """Give `avserver render` its flags."""
    parser.add_argument("song", metavar="SONG", help="wav, flac, ogg, mp3 or m4a, or `demo`; or a take (.take)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the film: .mp4, .mkv, .mov, or frames-%%05d.png for a file for each picture (--still: .png)",
    )
    parser.add_argument(
        "--show", type=Path, metavar="SHOW.toml", help="a show file; its audio and outputs are not used"
    )
    parser.add_argument("--model", metavar="FILE", help="the generator (.safetensors)")
    parser.add_argument("--mapping", metavar="FILE", help="what drives what (.toml)")
    parser.add_argument("--also", metavar="FILE", action="append", help="a further mapping; repeatable")
    parser.add_argument("--preset", metavar="NAME", help="the preset to start with")
    parser.add_argument("--fps", type=float, help="frames a second")
    parser.add_argument("--size", type=size, metavar="WxH", help="size of the frames (px), e.g. 1920x1080 or 512")
    parser.add_argument(
        "--codec", default="auto", metavar="NAME", help="h264, hevc, prores (.mov), h264_nvenc or hevc_nvenc"
    )
    parser.add_argument("--from", dest="from_s", type=float, default=0.0, metavar="S", help="begin there (s)")
    parser.add_argument("--to", dest="to_s", type=float, metavar="S", help="end there (s)")
    parser.add_argument("--still", dest="still_s", type=float, metavar="T", help="one picture, that at T seconds")
    parser.add_argument("--loop", action="store_true", help="the end leads into the beginning")
    parser.add_argument("--resume", action="store_true", help="go on with a film that was interrupted")
    parser.add_argument(
        "--live-like", action="store_true", help="know no more of the song than a live show of it: no foresight"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes that draw (1; in a cluster all that it has room for)"
    )
    parser.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS",
        help="have a Ray cluster draw: auto, host:port of its head, or local",
    )
    parser.add_argument("--force", action="store_true", help="write over a file that exists")
    parser.set_defaults(run=_render)


def _render(arguments: argparse.Namespace) -> int:
    from avserver.offline.rendering import Rendering, render

    rendered = render(
        Rendering(
            song=arguments.song,
            output=arguments.output,
            show=_effective_show(arguments),
            codec=arguments.codec,
            from_s=arguments.from_s,
            to_s=arguments.to_s,
            still_s=arguments.still_s,
            force=arguments.force,
            workers=arguments.workers,
            live_like=arguments.live_like,
            loop=arguments.loop,
            resume=arguments.resume,
            cluster=arguments.cluster,
        ),
        sys.stderr,
    )
    made = rendered.summary() if arguments.still_s is None else f"the picture at {arguments.still_s:g} s"
    print(f"{arguments.output}: {made}")
    return 0 if rendered.complete else _INTERRUPTED


def _effective_show(arguments: argparse.Namespace) -> "Show":
    """Return the show file's settings (or the built-in show's) with the flags on top."""
    from avserver.config import built_in_show, change, load_show
    from avserver.take.chunks import is_take
    from avserver.take.facts import as_it_was
    from avserver.take.reader import Take

    show = load_show(arguments.show) if arguments.show else built_in_show()
    if is_take(Path(arguments.song)):
        show = as_it_was(show, Take(Path(arguments.song)))
        # The model that may be mixed in fits those of the take, which another one need not be like.
        show = change(show, "model", partner="", also=()) if arguments.model else show
    width_px, height_px = arguments.size or (None, None)
    flags = {
        "model": {"path": arguments.model},
        "mapping": {"path": arguments.mapping, "also": tuple(arguments.also) if arguments.also else None},
        "presets": {"start": arguments.preset},
        "frame": {"fps": arguments.fps, "width_px": width_px, "height_px": height_px},
        # What is asked for here is the size of the film, whatever the recordings of the show have.
        "recording": {"width_px": 0, "height_px": 0} if arguments.size else {},
    }
    for section, values in flags.items():
        given = {name: value for name, value in values.items() if value is not None}
        if given:
            show = change(show, section, **given)
    return show
