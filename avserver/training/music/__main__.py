"""Compose and render songs to learn from: `python -m avserver.training.music OUT --count 250 --seed 0`."""

import argparse
import sys
from pathlib import Path

import mido
import numpy as np

from avserver.errors import ConfigError
from avserver.training.music.composer import compose, styles
from avserver.training.music.render import write_song

SOUNDFONTS = "/usr/share/sounds/sf2/FluidR3_GM.sf2"


def main() -> int:
    """Render songs into OUT, one folder each; those that are there already are left alone."""
    parser = argparse.ArgumentParser(prog="python -m avserver.training.music", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder that gets one folder a song")
    parser.add_argument("--midi", type=Path, metavar="FOLDER", help="render these .mid files instead of composing")
    parser.add_argument("--count", type=int, default=250, metavar="N", help="how many songs to compose (250)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all randomness (0)")
    parser.add_argument("--duration", type=float, default=60.0, metavar="S", help="of each song, at most (60)")
    parser.add_argument(
        "--drum-machines", type=float, default=0.3, metavar="SHARE", help="songs whose drums a drum machine plays (0.3)"
    )
    parser.add_argument(
        "--soundfont", type=Path, action="append", metavar="FILE", help="one is drawn for each song; may be repeated"
    )
    arguments = parser.parse_args()
    soundfonts = arguments.soundfont or [Path(SOUNDFONTS)]
    try:
        if arguments.midi:
            songs = [(path.stem, path) for path in sorted(arguments.midi.glob("*.mid"))]
        else:
            songs = [(f"{arguments.seed}_{number:04}", None) for number in range(arguments.count)]
        library = [] if arguments.midi else styles()
        for number, (name, path) in enumerate(songs):
            folder = arguments.out / name
            if folder.exists():
                continue
            rng = np.random.default_rng([arguments.seed, number])
            if path is None:
                midi, source = compose(rng, library, duration_s=arguments.duration)
            else:
                midi, source = mido.MidiFile(path), path.name
            soundfont = soundfonts[rng.integers(len(soundfonts))]
            reverb = bool(rng.random() < 0.5)
            machine = rng if rng.random() < arguments.drum_machines else None
            write_song(
                folder,
                midi,
                soundfont,
                duration_s=arguments.duration,
                source=source,
                reverb=reverb,
                machine=machine,
            )
            sys.stdout.write(f"{name}: {source}, {soundfont.name}\n")
            sys.stdout.flush()
    except ConfigError as err:
        sys.stderr.write(f"{err}\n")
        return 2
    return 0


sys.exit(main())
