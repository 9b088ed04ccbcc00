"""Save frames of a running avserver as PNG files, or show them in a window (needs tkinter).

python save_frames.py --count 10 --folder frames
python save_frames.py --show
"""

from __future__ import annotations

import argparse
import struct
import sys
import zlib
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from avserver_client import Frames

if TYPE_CHECKING:
    import numpy as np


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="tcp://127.0.0.1:5555", help="of the ZeroMQ output")
    parser.add_argument("--keys", help="the client's keys, if the output has some")
    parser.add_argument("--count", type=int, default=1, help="how many frames to save")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for a frame")
    parser.add_argument("--show", action="store_true", help="show them in a window instead")
    arguments = parser.parse_args()
    with Frames(arguments.address, timeout_s=arguments.timeout, keys=arguments.keys) as frames:
        try:
            show(frames) if arguments.show else save(frames, arguments.folder, arguments.count)
        except TimeoutError as error:
            sys.exit(f"{error}: is avserver running?")


def save(frames: Frames, folder: Path, count: int) -> None:
    """Save `count` frames, each under its index."""
    folder.mkdir(parents=True, exist_ok=True)
    for header, image in islice(frames, count):
        path = folder / f"frame_{header.index:06d}.png"
        path.write_bytes(png(image))
        sys.stdout.write(f"{path}\n")


def png(image: np.ndarray) -> bytes:
    """Return an image, uint8 (height, width, 3 or 4), as a PNG file."""
    height, width, channels = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)  # each row begins with its filter: none

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    colour = {3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def show(frames: Frames) -> None:
    """Show frames in a window until it is closed."""
    try:
        import tkinter  # noqa: PLC0415

        window = tkinter.Tk()
    except (ImportError, tkinter.TclError) as error:
        sys.exit(f"there is no window to show frames in: {error}")
    label = tkinter.Label(window, borderwidth=0)
    label.pack()

    def step() -> None:
        header, image = frames.read()
        size = f"{image.shape[1]} {image.shape[0]}"
        photo = tkinter.PhotoImage(data=f"P6 {size} 255 ".encode() + image[..., :3].tobytes())
        label.configure(image=photo)
        label.photo = photo  # type: ignore[attr-defined]  # tkinter keeps no reference of its own
        window.title(f"avserver {header.index}")
        window.after(1, step)

    window.after(1, step)
    window.mainloop()


if __name__ == "__main__":
    main()
