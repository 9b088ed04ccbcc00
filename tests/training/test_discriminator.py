"""The discriminator against one of plain numpy."""

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.generator import backend
from avserver.generator.backend import ops
from avserver.training.discriminator import Discriminator

WEIGHTY = Discriminator(resolution=16, channel_base=64, channel_max=7)


@pytest.fixture(autouse=True)
def uncompiled():
    with backend.eagerly():
        yield


def parameters(judge: Discriminator, seed: int = 0) -> dict[str, np.ndarray]:
    """Parameters whose biases matter too."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape, np.float32) for name, shape in judge.parameter_shapes().items()}


def noise(count: int, size: int = 16, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


def scores(judge: Discriminator, params: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    tensors = {name: ops.convert_to_tensor(param) for name, param in params.items()}
    return backend.to_numpy(judge.scores(tensors, ops.convert_to_tensor(images)))


def expected(judge: Discriminator, params: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Return the scores in float64, by the paper: figure 7's residual blocks with input skips."""

    def even(name: str) -> np.ndarray:
        weight = params[f"{name}.weight"].astype(float)
        return weight / np.sqrt(weight.size / weight.shape[-1])

    def active(x: np.ndarray, name: str) -> np.ndarray:
        x = x + params[f"{name}.bias"]
        return np.sqrt(2) * np.where(x > 0, x, 0.2 * x)

    def convolved(x: np.ndarray, name: str) -> np.ndarray:
        padded, size = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), x.shape[1]
        return sum(
            padded[:, row : row + size, column : column + size] @ even(name)[row, column]
            for row in range(3)
            for column in range(3)
        )

    def halved(x: np.ndarray) -> np.ndarray:
        n, size, _, channels = x.shape
        return x.reshape(n, size // 2, 2, size // 2, 2, channels).mean(axis=(2, 4))

    images = images.astype(float)
    size = judge.resolution
    x = active(images @ even(f"b{size}.fromrgb"), f"b{size}.fromrgb")
    while size > 4:
        block = f"b{size}"
        y = halved(active(convolved(x, f"{block}.conv0"), f"{block}.conv0"))
        y = active(convolved(y, f"{block}.conv1"), f"{block}.conv1")
        x = (y + halved(x) @ even(f"{block}.skip")) / np.sqrt(2)
        images, size = halved(images), size // 2
        x = x + active(images @ even(f"b{size}.fromrgb"), f"b{size}.fromrgb")
    x = np.concatenate([x, np.zeros_like(x[..., :1])], axis=-1)
    n = len(x)
    groups = n // max(size for size in range(1, 5) if n % size == 0)
    for group in range(groups):
        x[group::groups, ..., -1] = x[group::groups, ..., :-1].std(axis=0).mean()
    x = active(convolved(x, "b4.conv"), "b4.conv").reshape(n, -1)
    x = active(x @ even("b4.fc"), "b4.fc")
    return (x @ even("b4.out") + params["b4.out.bias"])[:, 0]


@pytest.mark.parametrize("count", [1, 4, 5, 6, 8])  # groups of 1, 4, 1, 3 and 4
def test_scores_are_those_of_plain_numpy(count: int) -> None:
    params, images = parameters(WEIGHTY), noise(count)
    got = scores(WEIGHTY, params, images)
    assert got.shape == (count,)
    np.testing.assert_allclose(got, expected(WEIGHTY, params, images), rtol=1e-4, atol=1e-4)


def test_a_picture_is_judged_beside_its_group_and_no_other() -> None:
    params, images = parameters(WEIGHTY), noise(8)
    before = scores(WEIGHTY, params, images)
    images[1] = -images[1]
    after = scores(WEIGHTY, params, images)
    np.testing.assert_allclose(after[::2], before[::2], rtol=1e-6)
    assert np.abs(after[1::2] - before[1::2]).min() > 1e-4


def test_pictures_that_are_all_alike_deviate_by_nothing() -> None:
    params, one = parameters(WEIGHTY), noise(1)
    alone, beside = scores(WEIGHTY, params, one), scores(WEIGHTY, params, np.repeat(one, 4, axis=0))
    np.testing.assert_allclose(beside, alone.repeat(4), rtol=1e-5)


def test_a_new_one_has_weights_of_unit_variance_and_no_biases() -> None:
    judge = Discriminator(resolution=64, channel_base=1024, channel_max=32)
    params = judge.initialise(np.random.default_rng(1))
    assert {name: param.shape for name, param in params.items()} == judge.parameter_shapes()
    assert [judge.channels(r) for r in (*judge.resolutions, 4)] == [16, 32, 32, 32, 32]
    assert not any(param.any() for name, param in params.items() if name.endswith("bias"))
    assert params["b32.conv0.weight"].std() == pytest.approx(1, rel=0.05)
    # So its scores are neither tiny nor large, and tell pictures apart.
    of_noise = scores(judge, params, noise(4, 64))
    assert 1e-3 < of_noise.std() < 10


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"resolution": 4}, "got 4"),
        ({"resolution": 24}, "got 24"),
        ({"channel_base": 8}, "got 8 and 4"),
        ({"channel_max": 0}, "got 64 and 0"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, int], got: str) -> None:
    with pytest.raises(ConfigError, match=got):
        Discriminator(**{"resolution": 16, "channel_base": 64, "channel_max": 4} | changes)
