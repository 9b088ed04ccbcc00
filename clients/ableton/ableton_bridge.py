"""Ableton Live for avserver: what its tracks and clips do, by way of AbletonOSC. Needs Python 3.11, and nothing else.

python ableton_bridge.py                                   Live and avserver on this machine
python ableton_bridge.py --live 192.168.1.7 --to 192.168.1.5:9000

AbletonOSC tells only who asks, always on port 11001, and every track at the same address. This asks, and tells avserver
at an address of its own for each track, from 1 as Live counts them, under /avserver/input/live:

    /playing SWITCH           1 while Live plays
    /tempo BPM
    /beat NUMBER              at each beat of the song
    /track/N/level LEVEL      output meter of track N, 0 to 1
    /track/N/clip SLOT        the slot of the clip that plays, from 1, whenever another begins; a stop is not told
"""

from __future__ import annotations

import argparse
import logging
import socket
import struct
import time
from typing import Any

LOG = logging.getLogger("ableton_bridge")
ROOT = "/avserver/input/live"
LIVE_PORT, ANSWER_PORT = 11000, 11001
SONG = {"/live/song/get/is_playing": "/playing", "/live/song/get/tempo": "/tempo", "/live/song/get/beat": "/beat"}
TRACK = {"/live/track/get/output_meter_level": "level", "/live/track/get/playing_slot_index": "clip"}
# How often Live is asked how many tracks it has (s): so a new track, and a Live that was started anew, are noticed.
ASK_S = 1.0
# Without an answer for so long (s), Live is gone.
GONE_S = 5.0
MOST_TRACKS = 64


class Bridge:
    """Asks AbletonOSC and passes on what it tells.

    Args:
        live: (host, port) of AbletonOSC.
        to: (host, port) of avserver's OSC.
        answer_port: where AbletonOSC answers; it knows no other than 11001.

    Raises OSError if somebody else has that port.
    """

    def __init__(
        self, live: tuple[str, int], to: tuple[str, int], *, answer_port: int = ANSWER_PORT, ask_s: float = ASK_S
    ) -> None:
        self._live, self._to = live, to
        self._ask_s = ask_s
        self._tracks = -1  # of which it is told; -1 before Live has answered
        self._answered_s = self._asked_s = float("-inf")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind(("0.0.0.0", answer_port))  # noqa: S104  (Live may be on another machine)
        except OSError as error:
            self._socket.close()
            raise OSError(f"port {answer_port}, where AbletonOSC answers, cannot be had: {error.strerror}") from error

    def turn(self) -> None:
        """Ask if it is time, and pass on what comes within the next tenth of a second."""
        now_s = time.monotonic()
        if now_s - self._asked_s >= self._ask_s:
            self._asked_s = now_s
            if self._tracks >= 0 and now_s - self._answered_s > GONE_S:
                LOG.warning("Live does not answer any more; it is asked on")
                self._tracks = -1
            self._send(self._live, encode("/live/song/get/num_tracks"))
        self._socket.settimeout(0.1)
        try:
            packet = self._socket.recv(65536)
        except (TimeoutError, ConnectionResetError):  # Windows tells so that nobody listened to what was sent
            return
        try:
            address, values = decode(packet)
        except (ValueError, struct.error):
            return  # not for us
        self._pass_on(address, values)

    def close(self) -> None:
        """Have Live tell nothing more."""
        for question in self._questions("stop_listen", self._tracks):
            self._send(self._live, question)
        self._socket.close()

    def _pass_on(self, address: str, values: list[Any]) -> None:
        match values:
            case [int() | float() as value] if address in SONG:
                self._send(self._to, encode(ROOT + SONG[address], float(value)))
            case [int() as track, int() | float() as value] if address in TRACK and 0 <= track < MOST_TRACKS:
                if TRACK[address] == "level":
                    self._send(self._to, encode(f"{ROOT}/track/{track + 1}/level", float(value)))
                elif value >= 0:  # Live counts slots from 0; below that no clip of the track plays
                    self._send(self._to, encode(f"{ROOT}/track/{track + 1}/clip", value + 1.0))
            case [int() as tracks] if address == "/live/song/get/num_tracks":
                self._answered_s = time.monotonic()
                self._listen(min(tracks, MOST_TRACKS))
            case _ if address == "/live/startup":
                self._tracks = -1

    def _listen(self, tracks: int) -> None:
        """Have Live tell of its tracks, if there are others than before."""
        if tracks == self._tracks:
            return
        LOG.info("Live has %d tracks", tracks)
        self._tracks = tracks
        for question in self._questions("start_listen", tracks):
            self._send(self._live, question)

    @staticmethod
    def _questions(verb: str, tracks: int) -> list[bytes]:
        """Return the messages that begin or end what Live tells of."""
        if tracks < 0:
            return []
        of_song = [encode(address.replace("/get/", f"/{verb}/")) for address in SONG]
        return of_song + [encode(at.replace("/get/", f"/{verb}/"), track) for at in TRACK for track in range(tracks)]

    def _send(self, to: tuple[str, int], packet: bytes) -> None:
        try:
            self._socket.sendto(packet, to)
        except OSError as error:
            LOG.debug("%s:%d: %s", *to, error)  # it is asked again; and avserver wants the next value, not this one


def encode(address: str, *values: float) -> bytes:
    """Return an OSC message; int are sent as int32, float as float32."""
    tags = "".join("i" if isinstance(value, int) else "f" for value in values)
    return _padded(address) + _padded("," + tags) + struct.pack(">" + tags, *values)


def decode(packet: bytes) -> tuple[str, list[Any]]:
    """Return address and values of an OSC message. Raises ValueError or struct.error for what is none."""
    address, at = _text(packet, 0)
    tags, at = _text(packet, at)
    values: list[Any] = []
    for tag in tags[1:]:
        if tag == "s":
            text, at = _text(packet, at)
            values.append(text)
        elif tag in "TFN":
            values.append({"T": 1, "F": 0, "N": None}[tag])
        elif tag in "ihfd":
            layout = ">" + {"i": "i", "h": "q", "f": "f", "d": "d"}[tag]
            values += struct.unpack_from(layout, packet, at)
            at += struct.calcsize(layout)
        else:
            raise ValueError(f"an argument of type {tag!r}")
    return address, values


def _padded(text: str) -> bytes:
    data = text.encode()
    return data + bytes(4 - len(data) % 4)


def _text(packet: bytes, at: int) -> tuple[str, int]:
    end = packet.index(b"\0", at)
    return packet[at:end].decode(), (end // 4 + 1) * 4


def main() -> None:
    """Read the command line and pass on until Ctrl-C."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--live", default="127.0.0.1", metavar="HOST", help="machine with Live (%(default)s)")
    parser.add_argument("--to", default="127.0.0.1:9000", metavar="HOST:PORT", help="avserver's OSC (%(default)s)")
    arguments = parser.parse_args()
    host, _, port = arguments.to.rpartition(":")
    try:
        bridge = Bridge((socket.gethostbyname(arguments.live), LIVE_PORT), (socket.gethostbyname(host), int(port)))
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")
    LOG.info("asking AbletonOSC on %s:%d", arguments.live, LIVE_PORT)
    try:
        while True:
            bridge.turn()
    except KeyboardInterrupt:
        bridge.close()


if __name__ == "__main__":
    main()
