"""A program that plays through JACK, for tests: a wav file once, or a steady tone on each of three ports.

python jack_player.py NAME song.wav      plays when a line comes on stdin; prints when it began (s, monotonic clock)
python jack_player.py NAME               tones of 1000, 2000 and 3000 Hz, until stdin is closed
"""

import sys
import time
import wave

import numpy as np

TONES_HZ = (1000, 2000, 3000)


def read(path):
    with wave.open(path) as song:
        return np.frombuffer(song.readframes(song.getnframes()), "<i2").astype(np.float32) / 32_768


def main(name, path=None):
    import jack  # not where the tests are collected: it wants its library

    client = jack.Client(name, no_start_server=True)
    ports = [client.outports.register(f"out_{number}") for number in range(1, 2 if path else 4)]
    rate = client.samplerate
    song = read(path) if path else None
    at, playing, began = 0, path is None, []

    def process(count):
        nonlocal at
        for number, port in enumerate(ports):
            block = port.get_array()
            block[:] = 0
            if song is None:
                block[:] = 0.3 * np.sin(2 * np.pi * TONES_HZ[number] * (at + np.arange(count)) / rate)
            elif playing:
                part = song[at : at + count]
                block[: part.size] = part
        if playing and not began:
            began.append(time.monotonic())
        at += count if playing else 0

    client.set_process_callback(process)
    client.activate()
    print("ready", flush=True)
    sys.stdin.readline()
    if path:
        playing = True
        while not began:
            time.sleep(0.01)
        print(began[0], flush=True)
        sys.stdin.readline()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
