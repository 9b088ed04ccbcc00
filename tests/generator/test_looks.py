import itertools

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.frame_spec import FrameSpec, Grade, LatentTerm
from avserver.generator.backend import to_numpy
from avserver.generator.grading import develop, grade_values, graded, opacity_of
from avserver.generator.looks import Looks
from avserver.generator.renderer import Renderer
from avserver.lut_file import LARGEST, Lut, Table

NOTHING, ALL = np.zeros(3, np.float32), np.ones(3, np.float32)


def grid(side):
    """Return the cube of that side that changes nothing."""
    axis = np.linspace(0, 1, side)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1], axis=-1)


def warm(colours):
    """A look such as films have: an S in every channel, shadows blue and lights orange."""
    s = colours**2 * (3 - 2 * colours)
    luma = colours @ [0.2126, 0.7152, 0.0722]
    return np.clip(s + (luma[..., None] - 0.5) * np.array([0.15, 0.02, -0.2]), 0, 1)


CUBE = Lut("", None, Table(warm(grid(17)).astype(np.float32), NOTHING, ALL))
RNG = np.random.default_rng(0)
CURVES = Lut("", Table(np.sort(RNG.random((100, 3)), axis=0).astype(np.float32), NOTHING, ALL), None)
BOTH = Lut("", CURVES.curves, Table(warm(grid(9)).astype(np.float32), NOTHING, np.array([1.0, 2.0, 1.0], np.float32)))


@pytest.fixture
def image():
    return RNG.normal(0, 0.6, (1, 32, 48, 3)).astype(np.float32)


def applied(luts, image, number, amount, **grade):
    looks = Looks(luts)
    values = grade_values(Grade(**grade))
    return to_numpy(looks.apply(graded(image, values), looks.values(number, amount), opacity_of(values)))


def behind(table, colours):
    """Return colours (…, 3) behind a table, in plain numpy: tetrahedra by sorting, curves by `interp`."""
    at = np.clip((colours - table.low) / (table.high - table.low), 0, 1)
    if table.values.ndim == 2:
        ends = np.linspace(0, 1, len(table.values))
        return np.stack([np.interp(at[..., c], ends, table.values[:, c]) for c in range(3)], axis=-1)
    side = len(table.values)
    place = at * (side - 1)
    corner = np.minimum(place.astype(int), side - 2)
    share = place - corner
    order = np.argsort(-share, axis=-1)
    total = np.zeros(colours.shape)
    before = np.ones(colours.shape[:-1])
    for step in range(4):
        here = table.values[corner[..., 2], corner[..., 1], corner[..., 0]]
        after = np.take_along_axis(share, order[..., step : step + 1], -1)[..., 0] if step < 3 else 0.0
        total += (before - after)[..., None] * here
        if step < 3:
            before = after
            np.put_along_axis(
                corner, order[..., step : step + 1], np.take_along_axis(corner, order[..., step : step + 1], -1) + 1, -1
            )
    return total


@pytest.mark.parametrize(("lut", "amount"), [(CUBE, 1.0), (CUBE, 0.4), (CURVES, 1.0), (BOTH, 0.7)])
def test_a_look_is_what_plain_numpy_makes_of_it(lut, amount, image):
    shares = np.clip(image.astype(float) * 0.5 + 0.5, 0, 1)
    looked = shares
    for table in (lut.curves, lut.cube):
        looked = looked if table is None else behind(table, looked)
    expected = 255 * np.clip(shares + amount * (looked - shares), 0, 1)
    got = applied([lut], image, 1, amount)
    assert np.abs(got - expected).max() <= 1
    assert np.abs(got - np.floor(expected + 0.5)).mean() < 0.1


def test_the_reference_is_one(image):
    """Tetrahedra of a cube that is linear give what is linear."""
    matrix = np.array([[0.5, 0.2, 0.1], [0.1, 0.6, 0.2], [0.3, 0.1, 0.4]])
    shares = np.clip(image * 0.5 + 0.5, 0, 1)
    np.testing.assert_allclose(behind(Table(grid(5) @ matrix, NOTHING, ALL), shares), shares @ matrix, atol=1e-6)


@pytest.mark.parametrize(("number", "amount"), [(0, 1.0), (1, 0.0), (7, 1.0)])
@pytest.mark.parametrize("grade", [{}, {"contrast": 1.3, "opacity": 0.6, "gamma": (1.2, 1.0, 0.8)}])
def test_without_a_look_nothing_changes(number, amount, grade, image):
    plain = to_numpy(develop(image, grade_values(Grade(**grade))))
    np.testing.assert_array_equal(applied([CUBE, CURVES], image, number, amount, **grade), plain)


def test_each_number_is_its_own_table(image):
    luts = [CUBE, CURVES, BOTH]
    together = [applied(luts, image, number, 1.0) for number in (1, 2, 3)]
    for number, (lut, picture) in enumerate(zip(luts, together, strict=True), start=1):
        alone = applied([lut], image, 1, 1.0).astype(int)
        assert np.abs(picture - alone).max() <= 1, number
    assert all(np.abs(a.astype(int) - b).mean() > 3 for a, b in itertools.combinations(together, 2))


def test_opacity_fades_what_was_looked_up(image):
    lifted = Lut("", None, Table(np.full((2, 2, 2, 3), 0.5, np.float32), NOTHING, ALL))
    assert not applied([lifted], image, 1, 1.0, opacity=0.0).any()
    assert set(np.unique(applied([lifted], image, 1, 1.0))) <= {127, 128}


def test_too_much_is_refused():
    huge = Lut("", None, Table(np.zeros((LARGEST, LARGEST, LARGEST, 3), np.float32), NOTHING, ALL))
    with pytest.raises(ConfigError, match="16777216 entries together at most, got 18874368"):
        Looks([huge] * 9)


def test_a_renderer_looks_up(tiny_model, tmp_path):
    rows = "\n".join("{} {} {}".format(*row) for row in warm(grid(3)).reshape(-1, 3))
    (tmp_path / "warm.cube").write_text(f"LUT_3D_SIZE 3\n{rows}\n")
    spec = FrameSpec(index=0, t_s=0.0, latents=(LatentTerm((0, 6), (1,), (1.0,)),))
    renderer = Renderer(tiny_model, luts=[tmp_path / "warm.cube"])
    np.testing.assert_array_equal(renderer.render(spec), Renderer(tiny_model).render(spec))
    looked = FrameSpec(index=0, t_s=0.0, latents=spec.latents, grade=Grade(lut=1))
    assert np.abs(renderer.render(looked).astype(int) - renderer.render(spec)).mean() > 3
    with pytest.raises(ConfigError, match=r"none\.cube cannot be read"):
        Renderer(tiny_model, luts=[tmp_path / "none.cube"])
