"""Writes songs of every format, so that no test needs a file that somebody made."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

# file name -> encoder and the rate that it is written at
FORMATS = {
    "song.wav": ("pcm_s16le", 44_100),
    "song.flac": ("flac", 44_100),
    "opus.ogg": ("libopus", 48_000),
    "vorbis.ogg": ("vorbis", 44_100),
    "song.mp3": ("libmp3lame", 44_100),
    "song.m4a": ("aac", 44_100),
    "float.wav": ("pcm_f32le", 44_100),
    "slow.wav": ("pcm_s16le", 22_050),
    "fast.flac": ("flac", 96_000),
}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def sweep(duration_s=2.0, sample_rate=44_100):
    """A sine that climbs from 200 to 2000 Hz: every moment of it is unlike the others. (n,) float32."""
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * (200 * t + 900 * t**2 / duration_s))).astype(np.float32)


def write_song(path, channels, codec="pcm_s16le", sample_rate=44_100):
    """Write (channels, n) float32 samples."""
    path = Path(path)
    with av.open(str(path), "w") as container:
        layout = LAYOUTS[len(channels)]
        options = {"strict": "-2"} if codec == "vorbis" else {}
        stream = container.add_stream(codec, rate=sample_rate, layout=layout, options=options)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


def write_film_without_sound(path):
    """Write a few black pictures as a film that has no sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            frame.pts = index
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path
