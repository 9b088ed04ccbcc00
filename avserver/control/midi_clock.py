"""MIDI clock: beats and tempo from 24 pulses a beat (MIDI 1.0, System Real Time and Song Position Pointer).

| message                  | what it does                                                      |
|--------------------------|-------------------------------------------------------------------|
| `F8` clock               | a 24th of a beat                                                  |
| `FA` start               | the next clock is beat 0                                          |
| `FB` continue            | the next clock goes on where it was stopped, or was sent to       |
| `FC` stop                | the beat stands; clocks tell the tempo only                       |
| `F2` song position       | goes to a sixteenth (6 clocks), counted from the start            |

A sender that never said start is followed all the same: its first clock is a beat, of which bar nobody knows.
"""

import math
import threading

from avserver.control.pulse_line import PulseLine
from avserver.control.tempo_source import Reading

CLOCKS_PER_BEAT = 24
CLOCKS_PER_SIXTEENTH = 6
# No clock for so long (s): it runs on by itself. Longer than a gap between clocks at 20 bpm.
FREE_AFTER_S = 0.25
# A sender that is silent for so long (s) makes room for another one.
LEFT_AFTER_S = 2.0

_CLOCK, _START, _CONTINUE, _STOP, _POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2


class MidiClock:
    """Follows one sender of MIDI clock. Any thread gives it messages, the engine's thread reads it.

    Without clocks it runs on at the last tempo, and takes up the count again where the clocks do.
    """

    _told: float

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._port: str | None = None
        self._heard_s = -math.inf
        self._jumps = 0
        self._lost = 0
        self._forget()

    @property
    def lost(self) -> int:
        """Clocks that never arrived while the sender was playing."""
        return self._lost

    def take(self, message: bytes, received_s: float, port: str = "") -> None:
        """Take in one MIDI message; what is not about time is ignored, and so is a second port while the first sends.

        Args:
            message: its bytes.
            received_s: when it arrived (s, time.monotonic).
            port: where it came from.
        """
        if not message or message[0] not in (_CLOCK, _START, _CONTINUE, _STOP, _POSITION):
            return
        if not math.isfinite(received_s):
            return
        with self._lock:
            if port != self._port:
                if received_s < self._heard_s + LEFT_AFTER_S:
                    return
                self._forget()
            self._port, self._heard_s = port, received_s
            self._obey(message, received_s)

    def reading(self, at_s: float) -> Reading | None:
        """Return where the beat is at a time (s, time.monotonic), None while the tempo is unknown."""
        with self._lock:
            period_s = self._line.period_s
            if not period_s:
                return None
            beats = self._next / CLOCKS_PER_BEAT
            runs = False
            if self._playing and self._offset is not None:
                runs = True
                self._told = max(self._told, (self._line.number_at(at_s) + self._offset) / CLOCKS_PER_BEAT)
                beats = self._told
            return Reading(
                bpm=60 / (CLOCKS_PER_BEAT * period_s),
                beats=beats,
                playing=self._playing,
                runs=runs,
                in_bars=self._has_position,
                jumps=self._jumps,
                confidence=1.0 if at_s < self._line.last_s + FREE_AFTER_S else 0.5,
            )

    def state(self, now_s: float) -> str:
        """Return in a word how it is: none, stopped, locked or free (running on without clocks); s, time.monotonic."""
        with self._lock:
            if not self._line.period_s:
                return "none"
            if not self._playing:
                return "stopped"
            return "locked" if now_s < self._line.last_s + FREE_AFTER_S else "free"

    def _forget(self) -> None:
        """Know of no sender."""
        self._line = PulseLine()
        self._playing = True  # as long as nobody says otherwise
        self._has_position = False
        self._next = 0  # number of the next clock that counts, from the start of the song
        self._offset: int | None = None  # from numbers of the line to those of the song; None: the next clock tells
        self._told = 0.0  # the beat that was told last, which does not go back

    def _obey(self, message: bytes, at_s: float) -> None:
        kind = message[0]
        if kind == _CLOCK:
            self._clock(at_s)
        elif kind == _START:
            self._go_to(0)
            self._playing = True
        elif kind == _CONTINUE:
            self._playing, self._offset = True, None
        elif kind == _STOP:
            self._playing = False
        elif len(message) == 3 and max(message[1:]) < 0x80:
            self._go_to((message[1] | message[2] << 7) * CLOCKS_PER_SIXTEENTH)

    def _go_to(self, clock: int) -> None:
        self._next, self._offset, self._has_position = clock, None, True

    def _clock(self, at_s: float) -> None:
        lost_before = self._line.lost
        begins = self._playing and self._offset is None
        # Between stop and start many senders pause their clock.
        paused = (begins or not self._playing) and at_s > self._line.last_s + 2 * self._line.period_s
        self._line.pulse(at_s, resumed=paused)
        if not self._playing:
            return
        if self._offset is None:
            self._offset = self._next - self._line.number
            self._told = self._next / CLOCKS_PER_BEAT
            self._jumps += self._has_position
        self._next = self._line.number + self._offset + 1
        self._lost += self._line.lost - lost_before
