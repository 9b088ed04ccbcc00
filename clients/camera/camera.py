"""People in the room for avserver: what moves in a camera's picture, and faces, sent as OSC. Needs numpy and OpenCV.

python camera.py                                           the first camera, to avserver on this machine
python camera.py people.mp4 --loop --to 192.168.1.5:9000   a film, to another one
python camera.py --faces face_landmarker.task              faces too; needs mediapipe and its model

Every frame of the picture becomes one OSC bundle under /avserver/input/camera:

    /motion AMOUNT           share of the picture that moves, 0 to 1
    /direction X Y           where to: right and up are positive; the length, 0 to 1, says how much all go the same way
    /speed WIDTHS            how fast, in widths of the picture a second
    /centre X Y              where it moves, from 0 0 (left, bottom) to 1 1; stays where it was while nothing moves
    /faces COUNT             how many faces there are
    /face/N/position X Y     the Nth largest, from 1, as /centre
    /face/N/size HEIGHT      share of the picture's height
    /face/N/mouth OPEN       0 shut to 1 wide open
    /face/N/smile SMILE      0 to 1
"""

from __future__ import annotations

import argparse
import logging
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = tuple[str, tuple[float, ...]]
LOG = logging.getLogger("camera")
# Motion is looked for in a picture of this width (px): people still are people, and a frame takes milliseconds.
WIDTH_PX = 160
# Brightness (of 255) by which a pixel has to change; the noise of a webcam, blurred, stays below.
CHANGE = 12
# Flow below this (px of the small picture) is none.
LEAST_FLOW_PX = 0.1
# Less of the picture than this is a flicker and tells no place.
LEAST_AMOUNT = 0.001
MOST_FACES = 4
# A camera that is gone is looked for again after the first time (s), then twice as long, up to the second.
RETRY_S = (0.5, 5.0)


@dataclass(frozen=True)
class Movement:
    """What moved between two frames; see the top of the file for units."""

    amount: float = 0.0
    direction: tuple[float, float] = (0.0, 0.0)
    speed: float = 0.0
    centre: tuple[float, float] = (0.5, 0.5)

    def messages(self) -> list[Message]:
        """Return what is sent of it."""
        return [
            ("/motion", (self.amount,)),
            ("/direction", self.direction),
            ("/speed", (self.speed,)),
            ("/centre", self.centre),
        ]


class Motion:
    """Finds what moves: where brightness changes, and by optical flow (Farnebäck 2003) where to."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._before_s = 0.0
        self._movement = Movement()

    def update(self, image: np.ndarray, t_s: float) -> Movement:
        """Return what moved since the last image. Takes uint8 (height, width, 3), BGR, and when it was taken (s)."""
        height_px = max(16, round(WIDTH_PX * image.shape[0] / image.shape[1]))
        small = cv2.resize(image, (WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
        now = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (5, 5), 0)
        before, self._before = self._before, now
        dt_s, self._before_s = t_s - self._before_s, t_s
        if before is None or before.shape != now.shape or dt_s <= 0:
            self._movement = Movement(centre=self._movement.centre)
        else:
            self._movement = self._compare(before, now, dt_s)
        return self._movement

    def _compare(self, before: np.ndarray, now: np.ndarray, dt_s: float) -> Movement:
        change = now.astype(np.int16) - before
        # A camera that turns its exposure up brightens everything: that is no motion.
        change = np.abs(change - int(np.median(change)))
        moving = change > CHANGE
        amount = float(moving.mean())
        if amount < LEAST_AMOUNT:
            return Movement(centre=self._movement.centre)
        rows, columns = np.nonzero(moving)
        weights = change[rows, columns]
        centre_x = float(np.average(columns + 0.5, weights=weights)) / now.shape[1]
        centre_y = 1.0 - float(np.average(rows + 0.5, weights=weights)) / now.shape[0]
        # Three sizes, windows of 15 px, 2 rounds, neighbourhoods of 5 px: the setting of OpenCV's own example.
        flow = cv2.calcOpticalFlowFarneback(before, now, None, 0.5, 3, 15, 2, 5, 1.1, 0)[rows, columns]  # type: ignore[call-overload]
        lengths = np.hypot(flow[:, 0], flow[:, 1])
        flow, lengths = flow[lengths > LEAST_FLOW_PX], lengths[lengths > LEAST_FLOW_PX]
        if not len(lengths):
            return Movement(amount, centre=(centre_x, centre_y))
        right, down = flow.sum(axis=0) / lengths.sum()
        speed = float(np.median(lengths)) / now.shape[1] / dt_s
        return Movement(amount, (float(right), float(-down)), speed, (centre_x, centre_y))


class Faces:
    """Finds faces with MediaPipe's face landmarker.

    Args:
        model: its model, `face_landmarker.task`.

    Raises ImportError without MediaPipe, ValueError or FileNotFoundError for a model that it cannot read.
    """

    def __init__(self, model: Path) -> None:
        import mediapipe  # noqa: PLC0415
        from mediapipe.tasks.python import BaseOptions, vision  # noqa: PLC0415

        self._mediapipe = mediapipe
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            running_mode=vision.RunningMode.VIDEO,
            num_faces=MOST_FACES,
            output_face_blendshapes=True,
        )
        try:
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
        except RuntimeError as error:
            raise ValueError(f"{model} is no model of MediaPipe's face landmarker: {error}") from error
        self._newest_ms = -1

    def update(self, image: np.ndarray, t_s: float) -> list[Message]:
        """Return what is sent of the faces in an image, taken as `Motion.update` does."""
        # MediaPipe wants times that rise.
        self._newest_ms = max(self._newest_ms + 1, round(t_s * 1000))
        rgb = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        )
        found = self._landmarker.detect_for_video(rgb, self._newest_ms)
        return face_messages(found.face_landmarks, found.face_blendshapes)


def face_messages(faces: list[Any], expressions: list[Any]) -> list[Message]:
    """Return what is sent of faces, the largest first; landmarks (0 to 1) and blend shapes as MediaPipe has them."""
    described = []
    for landmarks, shapes in zip(faces, expressions, strict=True):
        across, down = np.array([point.x for point in landmarks]), np.array([point.y for point in landmarks])
        scores = {shape.category_name: float(shape.score) for shape in shapes}
        smile = (scores.get("mouthSmileLeft", 0.0) + scores.get("mouthSmileRight", 0.0)) / 2
        position = (float(across.min() + across.max()) / 2, 1.0 - float(down.min() + down.max()) / 2)
        described.append((float(np.ptp(down)), position, scores.get("jawOpen", 0.0), smile))
    messages: list[Message] = [("/faces", (float(len(described)),))]
    for number, (size, position, mouth, smile) in enumerate(sorted(described, reverse=True), start=1):
        messages += [
            (f"/face/{number}/position", position),
            (f"/face/{number}/size", (size,)),
            (f"/face/{number}/mouth", (mouth,)),
            (f"/face/{number}/smile", (smile,)),
        ]
    return messages


class Osc:
    """Sends OSC bundles over UDP. A server that is not there is no error."""

    def __init__(self, host: str, port: int, root: str) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self._address: Any = address
        self._socket = socket.socket(family, kind, protocol)
        self._root = root
        self._failed = False

    def send(self, messages: list[Message]) -> None:
        """Send messages that belong together."""
        try:
            self._socket.sendto(encode_bundle(self._root, messages), self._address)
        except OSError as error:
            if not self._failed:
                LOG.warning("nothing can be sent: %s; it is tried again at every frame", error)
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def encode_bundle(root: str, messages: list[Message]) -> bytes:
    """Return an OSC bundle that is executed at once; addresses are below `root`, numbers 32-bit floats."""
    packet = b"#bundle\0" + struct.pack(">Q", 1)
    for address, values in messages:
        message = _padded(root + address) + _padded("," + "f" * len(values)) + struct.pack(f">{len(values)}f", *values)
        packet += struct.pack(">i", len(message)) + message
    return packet


def _padded(text: str) -> bytes:
    data = text.encode()
    return data + bytes(4 - len(data) % 4)


def frames(source: str, *, loop: bool = False) -> Iterator[tuple[float, np.ndarray | None]]:
    """Yield (when, image) of a camera (a number), a stream (an address with ://) or a film, at its own pace.

    A camera or stream that is gone yields None and is looked for again; a film ends, or begins again.

    Raises OSError for a film that has no pictures.
    """
    live = source.isdigit() or "://" in source
    wait_s = RETRY_S[0]
    while True:
        capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
        empty = True
        for t_s, image in _images(capture, live=live):
            empty = False
            yield t_s, image
        capture.release()
        if live:
            wait_s = min(wait_s * 2, RETRY_S[1]) if empty else RETRY_S[0]
            LOG.warning("no picture from %s; looking again in %.1f s", source, wait_s)
            yield time.monotonic(), None
            time.sleep(wait_s)
        elif empty:
            raise OSError(f"there are no pictures in {source}")
        elif not loop:
            return


def _images(capture: Any, *, live: bool) -> Iterator[tuple[float, np.ndarray]]:
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, where the camera's driver knows how
    start_s = time.monotonic()
    rate_fps = capture.get(cv2.CAP_PROP_FPS)
    rate_fps = rate_fps if 1.0 <= rate_fps <= 240.0 else 25.0
    number = 0
    while True:
        there, image = capture.read()
        if not there:
            return
        due_s = start_s + number / rate_fps
        number += 1
        if not live:
            time.sleep(max(0.0, due_s - time.monotonic()))
        yield (time.monotonic() if live else due_s), image


def watch(arguments: argparse.Namespace) -> None:
    """Look at the picture and tell of it, until it ends."""
    host, _, port = arguments.to.rpartition(":")
    osc = Osc(host.strip("[]"), int(port), f"/avserver/input/{arguments.name}")
    faces = Faces(arguments.faces) if arguments.faces else None
    motion = Motion()
    quiet: list[Message] = [("/motion", (0.0,)), ("/speed", (0.0,)), ("/faces", (0.0,))]
    try:
        for t_s, image in frames(arguments.source, loop=arguments.loop):
            if image is None:
                osc.send(quiet)
                motion = Motion()
                continue
            seen = cv2.flip(image, 1) if arguments.mirror else image
            movement = motion.update(seen, t_s)
            osc.send(movement.messages() + (faces.update(seen, t_s) if faces else []))
            if arguments.show and not _show(seen, movement):
                return
    finally:
        osc.send(quiet)
        osc.close()


def _show(image: np.ndarray, movement: Movement) -> bool:
    """Show what is seen with an arrow where it moves; return False once Escape was pressed."""
    height, width = image.shape[:2]
    start = np.array([movement.centre[0] * width, (1 - movement.centre[1]) * height])
    stop = start + np.array([movement.direction[0], -movement.direction[1]]) * movement.speed * width / 4
    picture = cv2.arrowedLine(image.copy(), start.astype(int).tolist(), stop.astype(int).tolist(), (0, 255, 0), 3)
    cv2.imshow("avserver camera", picture)
    return cv2.waitKey(1) != 27


def main() -> None:
    """Read the command line and watch."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="camera.py"
    )
    parser.add_argument("source", nargs="?", default="0", help="number of a camera, a stream or a film (default: 0)")
    parser.add_argument("--to", default="127.0.0.1:9000", metavar="HOST:PORT", help="avserver's OSC (%(default)s)")
    parser.add_argument("--name", default="camera", help="instead of camera in the addresses, for a second one")
    parser.add_argument("--faces", type=Path, metavar="MODEL", help="look for faces, with face_landmarker.task")
    parser.add_argument("--loop", action="store_true", help="play a film again when it ends")
    parser.add_argument("--mirror", action="store_true", help="left and right as in a mirror")
    parser.add_argument("--show", action="store_true", help="a window; not with opencv-python-headless")
    try:
        watch(parser.parse_args())
    except ImportError as error:
        parser.exit(2, f"{error}: faces need MediaPipe (pip install mediapipe)\n")
    except KeyboardInterrupt:
        parser.exit(0)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
