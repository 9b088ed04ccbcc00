"""Segment: which part of the music the show is in, as it is heard or as somebody says."""

from avserver.control.params import Params


class SegmentSwitch:
    """Counts segments on with the music, and goes where it is told.

    `/segment/next`, `/previous` and a changed `/select` work whether `/segment/auto` is on or off; changes that are
    heard later go on from there. A panic goes back to the segment that is heard.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Wait for the first frame, which says where to begin."""
        self._heard: int | None = None
        self._selected = 0
        self._segment = 0

    def update(self, heard: int, params: Params) -> int:
        """Return the segment of this frame; `heard` is that of the signals. It may be negative after `/previous`."""
        selected = int(params["/segment/select"])
        if self._heard is None or "/panic" in params.fired:
            self._segment = heard if params["/segment/auto"] else selected
            self._selected = selected if "/panic" in params.fired else self._selected
        elif params["/segment/auto"] and heard != self._heard:
            # A song that begins again counts its segments from 0 again: that is one change more, not many back.
            self._segment += max(heard - self._heard, 1)
        self._heard = heard
        if selected != self._selected:
            self._segment = self._selected = selected
        self._segment += ("/segment/next" in params.fired) - ("/segment/previous" in params.fired)
        return self._segment
