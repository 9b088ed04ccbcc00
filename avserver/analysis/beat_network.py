"""Beat network: how much the music sounds like a beat just now."""

from collections.abc import Mapping

from avserver.analysis.network import Dense, Gru, Vector, sigmoid

STEP_S = 512 / 44_100  # between two steps: 86 a second
# A beat is told this long after it (s): what follows its attack says what it was. The clock looks ahead by as much.
HEARD_AFTER_S = 4 * STEP_S

_LAYERS = ("gru_1", "gru_2")


def weight_names() -> list[str]:
    """Return the names of the arrays, in the order in which Keras lists them."""
    arrays = [f"{layer}.{name}" for layer in _LAYERS for name in ("kernel", "recurrent_kernel", "bias")]
    return [*arrays, "dense.kernel", "dense.bias"]


class BeatNetwork:
    """Two layers of GRU over the bands of a spectrum; a sigmoid each for beats and downbeats.

    After Böck and Schedl, "Enhanced beat tracking with context-aware neural networks" (DAFx 2011), but causal.

    Args:
        weights: by the names that `weight_names` returns.
    """

    def __init__(self, weights: Mapping[str, Vector]) -> None:
        self._layers = [
            Gru(*(weights[f"{layer}.{name}"] for name in ("kernel", "recurrent_kernel", "bias"))) for layer in _LAYERS
        ]
        self._dense = Dense(weights["dense.kernel"], weights["dense.bias"])
        self.inputs = weights["gru_1.kernel"].shape[0]

    def __call__(self, bands: Vector) -> tuple[float, float]:
        """Take the (inputs,) bands of a step, return how likely it is a beat and a downbeat, each in [0, 1]."""
        for layer in self._layers:
            bands = layer(bands)
        beat, downbeat = sigmoid(self._dense(bands)).tolist()
        return beat, downbeat

    def reset(self) -> None:
        """Forget all that was heard."""
        for layer in self._layers:
            layer.reset()
