"""A batch that is laid over several devices, of one process and of two (JAX on a CPU that claims to be several)."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.training import devices

SCRIPT = """
import sys
import numpy as np
from avserver.training import devices
from avserver.training.augment import draw
from avserver.training.discriminator import Discriminator
from avserver.training.learner import Learner
from avserver.training.recipe import Recipe
from avserver.generator.architecture import StyleGAN2Config

out, coordinator, machine = sys.argv[1], sys.argv[2], int(sys.argv[3])
if coordinator:
    devices.join(coordinator, 2, machine)
assert devices.count() == 2
assert devices.is_first() == (machine == 0)
model = StyleGAN2Config(resolution=8, z_dim=4, w_dim=4, channel_base=64, channel_max=8, mapping_layers=1)
judge = Discriminator(resolution=8, channel_base=64, channel_max=8)
rng = np.random.default_rng(0)
params = judge.initialise(rng)
zeros = {name: np.zeros_like(param) for name, param in params.items()}
network = {"params": params, "mean": zeros, "square": zeros}
real, made = rng.standard_normal((2, 4, 8, 8, 3)).astype(np.float32)
one, two = draw(rng, 4, 8, 0.5), draw(rng, 4, 8, 0.5)
learner = Learner(Recipe(model=model, batch=4), judge, {})
for name, place in (("spread", devices.spread), ("alone", lambda array: array)):
    if name == "alone" and coordinator:
        break
    moved, told = learner.discriminator_step(
        network, np.float32(1), place(real), place(made), place(one), place(two)
    )
    loss = np.asarray(told["discriminator_loss"])
    if devices.is_first():
        np.savez(out + name + ".npz", loss=loss, **{name: np.asarray(value) for name, value in moved["params"].items()})
"""


def run(out: Path, of_one: int, coordinator: str = "", machine: int = 0) -> subprocess.Popen[str]:
    flags = f"--xla_force_host_platform_device_count={of_one}"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", SCRIPT, str(out / "got-"), coordinator, str(machine)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def moved(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_a_batch_over_two_devices_or_two_processes_moves_as_on_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    started = [run(tmp_path / "one", 2), *(run(tmp_path / "two", 1, coordinator, machine) for machine in (0, 1))]
    for process in started:
        _, errors = process.communicate(timeout=170)
        assert process.returncode == 0, errors
    alone = moved(tmp_path / "one" / "got-alone.npz")
    for spread in (moved(tmp_path / "one" / "got-spread.npz"), moved(tmp_path / "two" / "got-spread.npz")):
        assert alone.keys() == spread.keys()
        for name, array in alone.items():
            # A first step of Adam is as long for the smallest gradient, whose sign rounding decides.
            assert np.median(np.abs(array - spread[name])) < 1e-5, name
            assert np.abs(array - spread[name]).mean() < 1e-4, name


def test_what_cannot_be_joined_is_refused() -> None:
    with pytest.raises(ConfigError, match="KERAS_BACKEND=jax"):
        devices.join("127.0.0.1:1", 2, 0)
    batch = np.zeros((4, 8, 8, 3), np.float32)
    assert devices.spread(batch) is batch
