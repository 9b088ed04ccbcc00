"""Networks of any shape, against plain numpy and across frameworks."""

import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avserver.canvas import WIDE, Canvas
from avserver.frame_spec import Bend, FrameSpec, Grade, LatentTerm, Mix, NoiseLevel, Upscale
from avserver.generator import backend
from avserver.generator.architecture import StyleGAN2Config
from avserver.generator.filters import binomial_filter
from avserver.generator.mapping_network import MappingNetwork
from avserver.generator.synthesis import make_synthesis
from tests.generator import stylegan2_reference

CONFIGS = st.builds(
    StyleGAN2Config,
    resolution=st.sampled_from([8, 16, 32]),
    z_dim=st.integers(1, 9),
    w_dim=st.integers(1, 9),
    c_dim=st.integers(0, 3),
    channel_base=st.sampled_from([32, 96, 640]),
    channel_max=st.integers(1, 24),
    mapping_layers=st.integers(1, 8),
    block_architecture=st.sampled_from(["skip", "orig", "resnet"]),
    conv_clamp=st.sampled_from([0.0, 0.5, 256.0]),
)


@given(
    config=CONFIGS,
    seed=st.integers(0, 1000),
    noisy=st.booleans(),
    canvas=st.builds(Canvas, *[st.builds(Fraction, st.integers(4, 7), st.just(4))] * 2, st.sampled_from(WIDE[:3])),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_stylegan2_draws_what_the_paper_says(
    config: StyleGAN2Config, seed: int, noisy: bool, canvas: Canvas
) -> None:
    rng = np.random.default_rng(seed)
    tensors = {name: rng.standard_normal(shape).astype("f") for name, shape in config.parameter_shapes().items()}
    for name in tensors:
        if name.endswith("resample_filter"):
            tensors[name] = binomial_filter()
        elif name.endswith("noise_strength"):
            tensors[name] = np.asarray(rng.uniform(), np.float32)
    ws = rng.standard_normal((1, config.num_ws, config.w_dim)).astype("f")
    synthesis = make_synthesis(config, tensors, canvas=canvas)
    # The reference goes by the shapes of the constant and the noise.
    beyond = {"synthesis.b4.const": np.moveaxis(synthesis.const[0], -1, 0)}
    for layer in synthesis.noisy:
        width, height = canvas.samples(layer.resolution)
        beyond[f"{layer.name}.noise_const"] = rng.standard_normal((height, width)).astype("f")
    noise = {
        layer.name: (beyond[f"{layer.name}.noise_const"][None], np.array([layer.noise_strength], "f"))
        for layer in synthesis.noisy
    }
    with backend.eagerly():
        image = backend.to_numpy(synthesis.draw(ws, noise if noisy else {}))[0]
        labels = np.eye(1, config.c_dim, dtype="f") if config.c_dim else None
        w = backend.to_numpy(
            MappingNetwork(config, tensors)(rng.standard_normal((1, config.z_dim)).astype("f"), labels)
        )
    expected = stylegan2_reference.draw(config, tensors | beyond, ws[0].astype(float), noisy).transpose(1, 2, 0)
    np.testing.assert_allclose(image, expected, atol=2e-4 * max(1.0, np.abs(expected).max()))
    assert w.shape == (1, config.w_dim)
    assert np.isfinite(w).all()


# The corners of a cube that turns colours and takes contrast away.
LOOK = [(0.1 + 0.8 * g, 0.1 + 0.7 * b, 0.2 + 0.6 * r) for b in (0, 1) for g in (0, 1) for r in (0, 1)]
DRAW = """
import sys
from pathlib import Path
import numpy as np
from avserver.frame_spec import BendSlot, FrameSpec
from avserver.generator.renderer import Renderer
model, spec, out, *size = sys.argv[1:]
slots = [BendSlot("b8", "rotate"), BendSlot("b16.conv1", "swirl"), BendSlot("b16.torgb", "invert")]
if not model.endswith("tiny.safetensors"):
    slots = [BendSlot("input", "rotate"), BendSlot("L5_52_64", "zoom")]
spec = Path(spec)
renderer = Renderer(
    model, bends=slots, partner=model, size=tuple(map(int, size)), wide="stretch", luts=[spec.with_name("look.cube")]
)
np.save(out, renderer.render(FrameSpec.from_bytes(spec.read_bytes())))
"""


def drawn(name: str, model: Path, spec: FrameSpec, folder: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the frame that a framework draws, in a process of its own."""
    told, out = folder / "spec.json", folder / f"{name}.npy"
    told.write_bytes(spec.to_bytes())
    told.with_name("look.cube").write_text("LUT_3D_SIZE 2\n" + "".join(f"{a} {b} {c}\n" for a, b, c in LOOK))
    command = [sys.executable, "-c", DRAW, str(model), str(told), str(out), *map(str, size)]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": name}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return np.load(out).astype(int)


# JAX is there for the tests; PyTorch is asked too where somebody has installed it.
OTHERS = ["jax", *(["torch"] if importlib.util.find_spec("torch") else [])]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize(
    ("network", "size"),
    [("stylegan2", (16, 16)), ("stylegan2", (56, 32)), ("stylegan3", (64, 64)), ("stylegan3", (64, 112))],
)
def test_every_framework_draws_the_same_frame(
    other: str, network: str, size: tuple[int, int], tiny_model: Path, tmp_path: Path
) -> None:
    latents = (LatentTerm((0, 6), (1, 2), (0.6, 0.4)),)
    bent = {"lift": (0.1, 0.0, -0.1), "gamma": (0.8, 1.0, 1.5), "gain": (1.0, 1.2, 0.9)}
    grade = Grade(contrast=1.2, hue=30.0, temperature=0.3, tint=-0.2, lut=1, lut_amount=0.7, **bent)
    mix, upscale = Mix(0.5, (2, 4)), Upscale("network", 0.5)
    if network == "stylegan2":
        model, noise = tiny_model, tuple(NoiseLevel(px, 1.0, 1.0, 0.5) for px in (4, 8, 16))
        bends = (
            Bend("b8", "rotate", (20.0,)),
            Bend("b16.conv1", "swirl", (60.0, 0.5)),
            Bend("b16.torgb", "invert", (0.5,)),
        )
    else:
        model, noise = Path(__file__).parents[1] / "data" / "stylegan3_t_64.npz", ()
        bends = (Bend("input", "rotate", (20.0,)), Bend("L5_52_64", "zoom", (0.8,)))
    finish = {"grade": grade, "mix": mix, "upscale": upscale}
    spec = FrameSpec(index=0, t_s=0.0, latents=latents, noise=noise, bends=bends, **finish)
    ours = drawn("tensorflow", model, spec, tmp_path, size)
    assert ours.std() > 5
    assert np.abs(drawn(other, model, spec, tmp_path, size) - ours).max() <= 2
