"""Send a wav file to a show that listens with `--audio zmq+tcp://127.0.0.1:5557`, as fast as it sounds.

python send_audio.py song.wav tcp://127.0.0.1:5557
"""

import struct
import sys
import time
import wave

import zmq

socket = zmq.Context().socket(zmq.PUSH)
socket.connect(sys.argv[2])
with wave.open(sys.argv[1]) as song:  # 16-bit
    header = struct.pack("<4sBBHI", b"AVSA", 1, song.getnchannels(), 0, song.getframerate())
    start_s, sent = time.monotonic(), 0
    while block := song.readframes(song.getframerate() // 100):  # 10 ms
        socket.send(header + block)
        sent += 1
        time.sleep(max(0.0, start_s + sent / 100 - time.monotonic()))
