"""Herald: tells of outputs that begin to fail, and of those that play again."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from avserver.outputs.output import Output, OutputState


class Herald:
    """Compares the states of outputs at every tick, and announces each change.

    `/output/NAME/state STATE REASON`: the state as in the status (`playing`, `failing`, `broken`), and why, empty while
    it plays. What an OSC address cannot have in a name is written as in URLs (`%20`).

    Args:
        outputs: those that are looked at.
        announce: given an address and its arguments.
    """

    def __init__(self, outputs: Sequence[Output], announce: Callable[..., None]) -> None:
        self._outputs = outputs
        self._announce = announce
        # One that fails from the start is told of; that the others play is nothing new.
        self._known = [OutputState.PLAYING] * len(outputs)

    def observe(self, _signals: object, _values: Mapping[str, object]) -> None:
        """Announce what has changed; called in the engine's thread at every tick."""
        for number, output in enumerate(self._outputs):
            state = output.state
            if state is not self._known[number]:
                self._known[number] = state
                self._announce(f"/output/{quote(output.name, safe='')}/state", str(state), output.error)

    def describe(self, parameters: Sequence[Mapping[str, object]]) -> None:
        """Do nothing: outputs are no parameters."""
