"""`avserver project` as a user meets it."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avserver.errors import ConfigError
from avserver.frame_spec import FIRST_PICTURE, FrameSpec, LatentTerm
from avserver.project import Projecting, read_target
from avserver.scene.latents import without_pictures
from avserver.ws_file import write_ws
from tests.test_cli import avserver


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "sunset.png"
    Image.linear_gradient("L").resize((48, 32)).convert("RGB").save(path)
    return path


def test_a_picture_becomes_ws_and_a_comparison(tiny_model: Path, picture: Path, tmp_path: Path) -> None:
    out, comparison = tmp_path / "sunset.npz", tmp_path / "both.png"
    arguments = ["project", str(picture), "-o", str(out), "--picture", str(comparison), "--model", str(tiny_model)]
    done = avserver(*arguments, "--steps", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{out}: ")
    with np.load(out) as file:
        assert (file["ws"].shape, file["ws"].dtype) == ((1, 6, 16), np.float32)
    with Image.open(comparison) as both:
        assert both.size == (32, 16)
    again = avserver(*arguments)
    assert again.returncode == 2
    assert again.stderr == f"avserver: {out} exists; --force writes over it\n"


def test_ctrl_c_at_a_terminal_keeps_the_best_so_far(tiny_model: Path, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "sunset.npz"
    command = [sys.executable, "-m", "avserver", "project", str(picture), "-o", str(out), "--model", str(tiny_model)]
    terminal, slave = pty.openpty()
    process = subprocess.Popen([*command, "--steps", "1000000"], stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = b""
    while b"nearer" not in shown:
        shown += os.read(terminal, 1000)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # what a terminal says when nobody is at its other end any more
        while os.read(terminal, 1000):
            pass
    printed, _ = process.communicate(timeout=60)
    os.close(terminal)
    assert process.returncode == 0
    assert printed.startswith(f"{out}: ".encode())
    with np.load(out) as file:
        assert file["ws"].shape == (1, 6, 16)


def test_the_middle_square_is_scaled_to_the_models_size() -> None:
    wide = Image.new("RGB", (60, 20), "black")
    wide.paste((255, 255, 255), (20, 0, 40, 20))
    target = read_target(wide, 8)
    assert (target.shape, target.dtype) == ((8, 8, 3), np.float32)
    assert target.min() > 0.8  # white, but for what scaling brings in from the edges
    assert np.abs(target).max() <= 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"steps": 0}, "--steps is a number from 1 to 1000000, got 0"),
        ({"seed": -1}, "--seed is a whole number from 0 on, got -1"),
        ({"output": Path("found.npy")}, "the output's name ends in .npz, got 'found.npy'"),
        ({"comparison": Path("both")}, "a picture's name ends in .jpg or .png, got 'both'"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Projecting(**({"picture": Path("a.png"), "output": Path("found.npz")} | changes))


def test_a_picture_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "song.png").write_bytes(b"RIFF")
    done = avserver("project", str(tmp_path / "song.png"), "-o", str(tmp_path / "out.npz"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"avserver: the picture '{tmp_path / 'song.png'}' cannot be read: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_projected_picture_is_drawn_by_the_renderer(tiny_model: Path, tmp_path: Path) -> None:
    from avserver.generator import load
    from avserver.generator.renderer import Renderer

    generator = load(tiny_model)
    z = np.random.RandomState(9).randn(6, generator.z_dim)
    ws = generator.mapping(z)[:, 0][None]  # another w in every layer
    write_ws(tmp_path / "me.npz", ws)
    renderer = Renderer(tiny_model, pictures=[tmp_path / "me.npz"], precision="float32")
    drawn = renderer.render(FrameSpec(index=0, t_s=0.0, latents=(LatentTerm((0, 6), (FIRST_PICTURE,), (1.0,)),)))
    expected = np.clip(generator.synthesis(ws, noise="none")[0] * 127.5 + 128, 0, 255)
    assert np.abs(drawn - expected).max() <= 1.5
    write_ws(tmp_path / "other.npz", ws[:, :4])
    with pytest.raises(ConfigError, match="of another model"):
        Renderer(tiny_model, pictures=[tmp_path / "other.npz"])


def test_a_worker_without_the_pictures_is_asked_for_seed_0() -> None:
    terms = (LatentTerm((0, 3), (5, FIRST_PICTURE + 1), (0.5, 0.5)),)
    assert without_pictures(terms) == (LatentTerm((0, 3), (5, 0), (0.5, 0.5)),)
