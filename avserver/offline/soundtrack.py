"""Soundtrack: the sound of a film, from where the film begins on."""

from fractions import Fraction

from avserver.audio.overheard import Overheard
from avserver.audio.source import Samples
from avserver.outputs.video.stretch import Lane


class Soundtrack:
    """What an engine hears, from `began_s` (show time, s) on. Made before the engine hears that."""

    def __init__(self, sound: Overheard, began_s: float) -> None:
        self._sound = sound
        self._began_s = began_s
        self._lane = Lane(sound, began_s)

    def listen(self) -> None:
        """Keep what has been heard, however much: an ear of its own forgets what waits too long."""
        self._lane.listen()

    def until(self, film_s: Fraction) -> Samples:
        """Return what has not been returned before that time of the film, as far as it has been heard."""
        return self._lane.until(self._began_s + float(film_s), fill=False)

    def up_to(self, film_s: Fraction) -> Samples:
        """Return all of it, heard or not: the last picture is seen for a while after its tick.

        Nobody else may hear meanwhile.
        """
        self._sound.read(self._began_s + float(film_s))
        return self._lane.until(self._began_s + float(film_s), fill=True)
