"""What the text of `[audio] source` and `--audio` may be."""

import re

DEMO = "demo"
NONE = "none"
OSC = "osc"
DEVICE = "device"
JACK = "jack"
NAMES = (DEMO, NONE, OSC, DEVICE, JACK)

_SCHEME = re.compile(r"(device|jack|rtp|zmq\+[a-z]+):")
FORMS = (
    "demo, none, osc, device, device:NAME, jack, jack:PORTS, rtp://HOST:PORT, zmq+tcp://HOST:PORT, zmq+ipc://PATH, "
    "or the path of a song"
)


def is_path(source: str) -> bool:
    """Tell whether it is the path of a song (`./device:x` is, `device:x` is not)."""
    return source not in NAMES and not _SCHEME.match(source)
