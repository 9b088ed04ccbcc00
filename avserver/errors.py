"""The error tree. Every message is one sentence: what was got, and what is allowed.

AvserverError
├── UserError                 the caller's to mend; the command line ends with exit code 2
│   ├── ConfigError           a show file or a flag
│   ├── MappingError          a mapping file
│   ├── ParamError            an unknown parameter, or a value of the wrong type
│   ├── PresetError           a preset that there is not, or that cannot be read, written or called so
│   ├── TempoError            a source of tempo that cannot be had
│   ├── AudioError            sound that cannot be had: a song, a device, an address
│   ├── MidiError             MIDI ports that cannot be had
│   ├── ModelError            a model file that is not one, or does not fit
│   ├── TrainingError         a training run that cannot go on
│   ├── RenderError           a film that cannot go on
│   ├── TakeError             a take that cannot be read, or whose model or song is not there
│   └── AddressInUse          a port that somebody else holds
└── WireError                 bytes from outside that are not what they claim to be
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AvserverError(Exception):
    """Root of everything raised on purpose here."""


class UserError(AvserverError):
    """A mistake of the caller's: one sentence on stderr, exit code 2, no traceback."""


class ConfigError(UserError):
    """A show file or a command-line flag that cannot be used."""


class MappingError(UserError):
    """A mapping file that cannot be used."""


class ParamError(UserError):
    """An unknown parameter, or a value that it cannot take."""


class PresetError(UserError):
    """A preset that there is not, or that cannot be read, written or called so."""


class TempoError(UserError):
    """A source of tempo that cannot be had."""


class AudioError(UserError):
    """Sound that cannot be had."""


class MidiError(UserError):
    """MIDI ports that cannot be had."""


class ModelError(UserError):
    """A model file that is not one, or whose contents do not fit each other."""


class TrainingError(UserError):
    """A training run that cannot go on, because of its numbers."""


class RenderError(UserError):
    """A film that cannot go on: its disk is full, or the process that draws it has ended."""


class TakeError(UserError):
    """A take that cannot be read, or whose model or song is not there or another one."""


class AddressInUse(UserError):  # noqa: N818  (reads as what happened, like FileExistsError's kin)
    """A network address that somebody else already holds."""


class WireError(AvserverError):
    """Bytes from outside (a frame header, a FrameSpec) that are not what they claim to be."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return the half sentence that tells the closest valid name, or all of them when none is close."""
    names = sorted(allowed)
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "allowed: " + ", ".join(names)
