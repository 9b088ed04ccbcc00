"""Segment: which part of the music the show is in, as it is heard or as somebody says."""

from avserver.control.params import Params
from avserver.signals import Signals


class SegmentSwitch:
    """Counts segments on with the music, and goes where it is told.

    `/segment/next`, `/previous` and a changed `/select` work whether `/segment/auto` is on or off; changes that are
    heard later go on from there. A panic goes back to the segment that is heard.

    While `/segment/hold` is on, changes in the music wait; when it is let go, they are made up for at once. (With
    `/segment/auto` off they are not waited for but passed over.) Hands are free to switch meanwhile.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Wait for the first frame, which says where to begin."""
        self._heard: int | None = None
        self._began_s = 0.0
        self._selected = 0
        self._segment = 0

    def update(self, signals: Signals, params: Params) -> int:
        """Return the segment of this frame. It may be negative after `/previous`."""
        # What is known to come leads: glides into it begin before it is there.
        known = signals.ahead or signals
        heard, began_s = known.segment, known.segment_s
        selected = int(params["/segment/select"])
        if params["/segment/hold"] and self._heard is not None:
            heard, began_s = self._heard, self._began_s
        if self._heard is None or "/panic" in params.fired:
            self._segment = heard if params["/segment/auto"] else selected
            self._selected = selected if "/panic" in params.fired else self._selected
        elif params["/segment/auto"] and heard != self._heard:
            # A song that begins again counts its segments from 0 again: that is one change more, not many back.
            begins_again = heard < self._heard and began_s <= self._began_s
            self._segment += 1 if begins_again else heard - self._heard
        self._heard, self._began_s = heard, began_s
        if selected != self._selected:
            self._segment = self._selected = selected
        self._segment += ("/segment/next" in params.fired) - ("/segment/previous" in params.fired)
        return self._segment
