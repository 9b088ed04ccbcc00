"""Train a generator of the bundled one's kind: `python -m avserver.training.imitation RUN`.

It may be stopped with Ctrl-C at any time; the same command goes on.
"""

import argparse
import dataclasses
import signal
import sys
from pathlib import Path

from avserver.generator import checkpoint
from avserver.generator.backend import default_precision
from avserver.interruption import first_signal
from avserver.training.imitation.course import Course, Stage

# Small first, where pictures are cheap and forms are all that there is to learn; and little folded first, for where a
# field is folded often a step towards the right one changes nothing yet.
STAGES = (
    Stage(resolution=16, pictures=120_000, folds=(0.2, 0.6), unmixed=0.8, noisy=False, kept=0.995),
    Stage(resolution=32, pictures=120_000, folds=(0.6, 0.7)),
    Stage(resolution=64, pictures=80_000),
    Stage(resolution=128, pictures=24_000, batch=16),
    Stage(resolution=256, pictures=16_000, batch=8, unmixed=0.2),
)


def main() -> int:
    """Train."""
    parser = argparse.ArgumentParser(prog="python -m avserver.training.imitation", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a folder, made if it is not there")
    parser.add_argument("--largest", type=int, default=256, metavar="PX", help="the last stage's resolution (256)")
    parser.add_argument(
        "--from", dest="model", type=Path, metavar="MODEL", help="go on from a model of this size, at its resolution"
    )
    parser.add_argument("--pictures", type=int, metavar="N", help="of the last stage (what is written here for each)")
    parser.add_argument("--rate", type=float, metavar="R", help="Adam's, in the last stage (likewise)")
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)

    def say(pictures: int, figures: dict[str, float]) -> None:
        told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        sys.stderr.write(f"{pictures} pictures: {told}\n")

    stages = [stage for stage in STAGES if stage.resolution <= arguments.largest]
    said = {name: value for name in ("pictures", "rate") if (value := getattr(arguments, name)) is not None}
    stages[-1] = dataclasses.replace(stages[-1], **said)
    with first_signal(signal.SIGINT, signal.SIGTERM) as stopped:
        Course(
            arguments.run,
            stages,
            stopped=stopped,
            say=say,
            precision=default_precision(),
            model=checkpoint.read(arguments.model) if arguments.model else None,
        ).learn()
    return 0


if __name__ == "__main__":
    sys.exit(main())
