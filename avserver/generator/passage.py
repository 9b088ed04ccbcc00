"""What lies between two convolutions, gathered up step by step and compiled together.

A framework's convolution ends a stage by itself. What looks around in its input needs a stage alone: XLA would fuse
it with its neighbours and compute every sample anew for each place that it is taken to.
"""

from collections.abc import Callable
from typing import Any

from avserver.generator.backend import stage

Tensor = Any
State = tuple[Tensor, ...]


class Passage:
    """A state of tensors on its way through a network.

    `then` adds a step that takes the tensors of the state and returns the new state, a tuple; `cut` compiles the steps
    gathered so far into one stage and applies it. Steps may use other tensors of the same program freely.
    """

    def __init__(self, *state: Tensor) -> None:
        self._state: State = state
        self._steps: list[Callable[..., State]] = []

    def then(self, step: Callable[..., State], *, alone: bool = False) -> None:
        """Add a step to the stage; `alone` makes it a stage by itself."""
        if alone:
            self.cut()
        self._steps.append(step)
        if alone:
            self.cut()

    def cut(self) -> State:
        """End the stage, and return the state behind it."""
        steps, self._steps = tuple(self._steps), []
        if steps:

            def run(*state: Tensor) -> State:
                for step in steps:
                    state = step(*state)
                return state

            self._state = stage(run)(*self._state)
        return self._state

    def become(self, *state: Tensor) -> None:
        """Go on with a state that was made outside, from that of the last `cut`."""
        self._state = state
