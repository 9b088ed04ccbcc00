"""Another program with Link, in a process of its own: `python -m tests.control.link_peer BPM`, obeying lines.

It uses nothing of ours. Times in lines are those of time.monotonic, which all processes of a machine share.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

QUANTUM = 4.0


class Peer:
    """The other program, as a test has it."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def ask(self, *words: object) -> list[float]:
        """Have it do something: tempo BPM, play, stop, share, enable, phase TIME, state; return its figures."""
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return [float(word) for word in self._process.stdout.readline().split()]

    def phase_at(self, at_s: float) -> float:
        return self.ask("phase", repr(at_s))[0]

    @property
    def tempo(self) -> float:
        return self.ask("state")[0]

    @property
    def playing(self) -> bool:
        return bool(self.ask("state")[1])

    @property
    def peers(self) -> int:
        return int(self.ask("state")[2])


@contextlib.contextmanager
def linked(bpm: float, *, enabled: bool = True) -> Iterator[Peer]:
    """Start the other program, and end it."""
    arguments = [sys.executable, "-m", "tests.control.link_peer", str(bpm)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        peer = Peer(process)
        if enabled:
            peer.ask("enable")
        yield peer
        process.stdin.close()


def main() -> None:
    from link import Link

    link = Link(float(sys.argv[1]))
    for line in sys.stdin:
        word, *arguments = line.split()
        state, now = link.captureAppSessionState(), link.clock().micros()
        match word:
            case "enable":
                link.enabled = True
            case "share":
                link.startStopSyncEnabled = True
            case "tempo":
                state.setTempo(float(arguments[0]), now)
            case "play" | "stop":
                state.setIsPlaying(word == "play", now)
            case "phase":
                at = now + round((float(arguments[0]) - time.monotonic()) * 1e6)
                print(state.phaseAtTime(at, QUANTUM), flush=True)
                continue
        if word in ("tempo", "play", "stop"):
            link.commitAppSessionState(state)
        print(state.tempo(), int(state.isPlaying()), link.numPeers(), flush=True)


if __name__ == "__main__":
    main()
