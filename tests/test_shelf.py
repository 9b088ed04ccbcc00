"""`avserver import` and `avserver models`, as a user meets them: real processes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avserver.errors import ModelError
from avserver.generator import checkpoint
from avserver.shelf import look_at, look_into

PICKLE = Path(__file__).parent / "data" / "imports" / "tensorflow.pkl"


def avserver(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "avserver", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def refused(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("avserver: ")
    assert words in done.stderr


def test_import_writes_a_model_that_tells_its_source(tmp_path):
    out = tmp_path / "model.safetensors"
    done = avserver("import", PICKLE, "-o", out, "--licence", "mine", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == look_at(out).to_plain()
    assert (told["architecture"], told["resolution"], told["licence"]) == ("stylegan2", 8, "mine")
    assert told["source"]["sha256"] == checkpoint.sha256_of(PICKLE)
    assert told["sha256"] == checkpoint.sha256_of(out)
    full = checkpoint.read(out, sha256=told["sha256"])
    assert told["parameters"] == sum(
        tensor.size for name, tensor in full.tensors.items() if not name.endswith(("w_avg", "noise_const", "filter"))
    )
    refused(avserver("import", PICKLE, "-o", out), f"{out} exists; --force writes over it")
    done = avserver("import", PICKLE, "-o", out, "--half", "--force")
    assert done.returncode == 0, done.stderr
    assert "stylegan2, 8 px" in done.stdout
    half = checkpoint.read(out)
    name = "synthesis.b8.conv0.weight"
    assert np.abs(half.tensors[name] - full.tensors[name]).max() == pytest.approx(0, abs=2e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_mistake_is_one_sentence_and_writes_nothing(tmp_path):
    out = tmp_path / "model.safetensors"
    bad = tmp_path / "bad.pkl"
    bad.write_bytes(b"\x80\x02cos\nsystem\n(S'touch ran'\ntR.")
    refused(avserver("import", bad, "-o", out), f"{bad}: its pickle asks for 'os.system'")
    refused(avserver("import", tmp_path / "none.pkl", "-o", out), "no model file at")
    refused(avserver("import", PICKLE, "-o", out, "--sha256", "00"), "expected 00")
    refused(avserver("import", PICKLE, "-o", tmp_path / "model.npz"), "written as .safetensors, got model.npz")
    refused(avserver("import", PICKLE, "-o", tmp_path / "none" / "m.safetensors"), "there is no folder")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pkl"]


def test_models_lists_inspects_and_draws(tmp_path, tiny_model):
    listed = avserver("models").stdout
    assert "default.safetensors: stylegan2, 256 px, 1.1 M parameters, 2.6 MB" in listed
    (tmp_path / "bad.safetensors").write_text("no")
    sheet = tmp_path / "sheet.png"
    done = avserver("models", tiny_model, "--sheet", sheet)
    assert done.returncode == 0, done.stderr
    assert f"sha256       {checkpoint.sha256_of(tiny_model)}\n" in done.stdout
    with Image.open(sheet) as image:
        assert image.width >= 4 * 16
        assert np.asarray(image).std() > 10
    refused(avserver("models", tiny_model, "--sheet", sheet), "exists; --force writes over it")
    refused(avserver("models", tiny_model, "--sheet", tmp_path / "sheet.gif"), "a picture's name ends in .jpg or .png")
    refused(avserver("models", tmp_path, "--sheet", tmp_path / "more.png"), "a sheet shows one model, got 0")
    found = json.loads(avserver("models", tmp_path, tiny_model, "--json").stdout)
    assert "not a readable safetensors file" in found[0]["error"]
    assert found[1]["resolution"] == 16


def test_a_named_file_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="`avserver import` makes one of other models"):
        look_into([PICKLE])
    with pytest.raises(ModelError, match="no model file at"):
        look_into([tmp_path / "none"])
    assert look_into([tmp_path]) == {}


def test_a_wrong_sha256_is_refused(tiny_model):
    with pytest.raises(ModelError, match=r"has the sha256 \w{64}, expected ab"):
        checkpoint.read(tiny_model, sha256="ab")
