"""`avserver watch` and `bench`: how a show does, and what this machine can do."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from avserver.errors import ConfigError

if TYPE_CHECKING:
    from avserver.bench.report import Report


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Give `avserver watch` its flags."""
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


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Give `avserver bench` its flags."""
    parser.add_argument(
        "what",
        nargs="?",
        default="show",
        choices=("show", "generator", "swap", "listen", "control", "outputs", "ndi", "record", "render", "cluster"),
        help="a whole server (show), drawing alone (generator), changing models (swap), hearing (listen), "
        "obeying (control), where frames go (outputs), an NDI output (ndi), what a recording loses (record), "
        "films (render), what a cluster costs (cluster)",
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=30.0,
        metavar="S",
        help="show, control, outputs, ndi, record: how long to watch; render: how much of the demo",
    )
    parser.add_argument(
        "--frames", type=int, default=100, metavar="N", help="generator, cluster: how many frames to time"
    )
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="generator, render: threads of the CPU that draw"
    )
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
    try:
        _measure(arguments, report)
    finally:  # what was measured before a part failed, or somebody stopped it, was measured
        report.write(sys.stdout, as_json=arguments.json)
    return 0


def _measure(arguments: argparse.Namespace, report: "Report") -> None:
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
    elif arguments.what == "outputs":
        from avserver.bench.outputs import bench_outputs

        bench_outputs(report, duration_s=arguments.duration, model=arguments.model)
    elif arguments.what == "ndi":
        from avserver.bench.ndi import bench_ndi

        bench_ndi(report, duration_s=arguments.duration)
    elif arguments.what == "record":
        from avserver.bench.recording import bench_recording

        bench_recording(report, duration_s=arguments.duration, model=arguments.model)
    elif arguments.what == "render":
        from avserver.bench.render import bench_render

        bench_render(report, model=arguments.model, duration_s=arguments.duration, threads=arguments.threads)
    elif arguments.what == "cluster":
        from avserver.bench.cluster import bench_cluster

        bench_cluster(report, model=arguments.model, frames=arguments.frames)
    else:
        from avserver.bench.show import bench_show

        bench_show(report, duration_s=arguments.duration, model=arguments.model)


def _in_range(flag: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{flag} is a number from {low:g} to {high:g}, got {value:g}")
