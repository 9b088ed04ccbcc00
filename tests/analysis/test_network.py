import numpy as np
import pytest

from avserver.analysis.network import Dense, Gru, load_weights
from avserver.errors import ModelError
from avserver.framework import keras


def test_layers_step_by_step_equal_those_of_keras():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 40, 7)).astype(np.float32)
    gru, dense = keras.layers.GRU(5, return_sequences=True), keras.layers.Dense(3)
    dense(gru(x))
    for layer in (gru, dense):  # biases are 0 to begin with
        layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()])
    expected = keras.ops.convert_to_numpy(dense(gru(x)))[0]
    ours, out = Gru(*gru.get_weights()), Dense(*dense.get_weights())
    for _ in range(2):
        np.testing.assert_allclose([out(ours(step)) for step in x[0]], expected, atol=2e-6)
        ours.reset()


def test_weights_that_cannot_be_read_are_named(tmp_path):
    broken = tmp_path / "ear.safetensors"
    with pytest.raises(ModelError, match=r"ear\.safetensors"):
        load_weights(broken)
    broken.write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"ear\.safetensors"):
        load_weights(broken)
