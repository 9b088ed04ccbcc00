import io
import json
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from avserver.errors import ModelError
from avserver.generator import checkpoint
from avserver.generator.architecture import StyleGAN2Config, from_plain, to_plain


@pytest.fixture
def parts(tiny_model):
    """The tensors and the metadata of a good file, to be spoilt."""
    return load_file(tiny_model), {"avserver": json.dumps(to_plain(checkpoint.read(tiny_model).config))}


def test_write_and_read_give_the_same(tiny_model, tmp_path):
    model = checkpoint.read(tiny_model)
    checkpoint.write(tmp_path / "again.safetensors", model)
    again = checkpoint.read(tmp_path / "again.safetensors")
    assert again.config == model.config
    assert again.tensors.keys() == model.tensors.keys()
    for name, tensor in model.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor)


def test_half_precision_is_read_as_float32(tiny_model, tmp_path):
    model = checkpoint.read(tiny_model)
    checkpoint.write(tmp_path / "half.safetensors", model, storage=np.float16)
    half = checkpoint.read(tmp_path / "half.safetensors")
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * tiny_model.stat().st_size
    assert all(tensor.dtype == np.float32 for tensor in half.tensors.values())
    name = "synthesis.b8.conv0.weight"
    np.testing.assert_allclose(half.tensors[name], model.tensors[name], atol=2e-3)


def test_tensors_beyond_the_network_are_left_out(parts, tmp_path):
    tensors, metadata = parts
    tensors["synthesis.b4.resample_filter"] = np.ones((4, 4), "f")
    save_file(tensors, tmp_path / "more.safetensors", metadata)
    assert "synthesis.b4.resample_filter" not in checkpoint.read(tmp_path / "more.safetensors").tensors


def refused(path, words):
    with pytest.raises(ModelError, match=words) as caught:
        checkpoint.read(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_models_are_refused(tiny_model, tmp_path):
    refused(tmp_path / "nowhere.safetensors", "no model file")
    (tmp_path / "text.safetensors").write_text("hello, this is not a model at all")
    refused(tmp_path / "text.safetensors", "not a readable safetensors file")
    (tmp_path / "empty.safetensors").touch()
    refused(tmp_path / "empty.safetensors", "not a readable safetensors file")
    (tmp_path / "short.safetensors").write_bytes(tiny_model.read_bytes()[:-100])
    refused(tmp_path / "short.safetensors", "not a readable safetensors file")
    (tmp_path / "text.npz").write_text("hello")
    refused(tmp_path / "text.npz", "not a readable .npz file")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    refused(tmp_path / "other.npz", "without the array 'meta'")


def test_tensors_that_do_not_fit_are_named(parts, tmp_path):
    tensors, metadata = parts
    path = tmp_path / "spoilt.safetensors"
    name = "synthesis.b8.conv0.weight"
    save_file({key: tensor for key, tensor in tensors.items() if key != name}, path, metadata)
    refused(path, rf"lacks the tensor {name} of shape \(16, 16, 3, 3\)")
    save_file(tensors | {name: np.zeros((4, 16, 3, 3), "f")}, path, metadata)
    refused(path, rf"tensor {name} has shape \(4, 16, 3, 3\), expected \(16, 16, 3, 3\)")
    save_file(tensors | {name: np.zeros((16, 16, 3, 3), np.int32)}, path, metadata)
    refused(path, rf"tensor {name} is int32, expected float32 or float16")


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (None, "lacks the configuration 'avserver'"),
        ("{", "configuration is not JSON"),
        ("[1]", "configuration is a JSON object"),
        ('{"architecture": "stylegan9"}', "unknown architecture 'stylegan9', did you mean 'stylegan"),
        ('{"architecture": "stylegan2", "resolution": 16}', "configuration lacks z_dim"),
        ('{"architecture": "stylegan2", "resolutoin": 16}', "'resolutoin'.*did you mean 'resolution'"),
        ('{"architecture": "stylegan2", "resolution": "16"}', "resolution .* is a whole number, got '16'"),
    ],
)
def test_configurations_that_are_none_are_refused(parts, tmp_path, configuration, words):
    tensors, _ = parts
    path = tmp_path / "spoilt.safetensors"
    save_file(tensors, path, {} if configuration is None else {"avserver": configuration})
    refused(path, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resolution": 48}, "power of two"),
        ({"z_dim": 0}, "z_dim is 1 or more"),
        ({"channel_base": 8}, "channel_base >= resolution"),
    ],
)
def test_impossible_networks_are_refused(change, words):
    plain = {"resolution": 16, "z_dim": 8, "w_dim": 8, "channel_base": 128, "channel_max": 16, "mapping_layers": 2}
    assert from_plain({"architecture": "stylegan2", **plain}) == StyleGAN2Config(**plain)
    with pytest.raises(ModelError, match=words):
        StyleGAN2Config(**(plain | change))


def test_a_value_too_large_for_half_precision_is_named(tiny_model, tmp_path):
    model = checkpoint.read(tiny_model)
    name = "synthesis.b8.conv0.weight"
    large = checkpoint.Checkpoint(model.config, model.tensors | {name: model.tensors[name] + np.float32(1e5)})
    with pytest.raises(ModelError, match=f"{name} has values up to 1000.*too large for float16"):
        checkpoint.write(tmp_path / "half.safetensors", large, storage=np.float16)
    with pytest.raises(ModelError, match="cannot be written"):
        checkpoint.write(tmp_path / "nowhere" / "model.safetensors", model)
    assert list(tmp_path.iterdir()) == []


def npz(path, *, kwargs=None, **arrays):
    kwargs = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, **(kwargs or {})}
    np.savez_compressed(path, meta=json.dumps({"kind": "stylegan2", "kwargs": kwargs}), **arrays)


def test_an_npz_that_claims_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    npz(path, **{"param/mapping.w_avg": np.zeros(10**7, "f")})
    assert path.stat().st_size < 10**5
    refused(path, "'param/mapping.w_avg' claims 40000128 bytes, which it doesn't hold")
    npz(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**10,)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("param/mapping.w_avg.npy", header.getvalue())
    refused(path, "'param/mapping.w_avg' claims 40000000000 bytes, which it doesn't hold")
    np.save(path.with_suffix(".npy"), np.zeros(3))
    path.with_suffix(".npy").replace(path)
    refused(path, "no zip archive")


def test_a_configuration_without_end_is_refused(parts, tmp_path):
    tensors, metadata = parts
    path = tmp_path / "spoilt.safetensors"
    save_file(tensors, path, {"avserver": "[" * 10**5})
    refused(path, "configuration is not JSON")
    plain = json.loads(metadata["avserver"]) | {"mapping_layers": 10**9}
    save_file(tensors, path, {"avserver": json.dumps(plain)})
    refused(path, "mapping_layers are 64 at most")


def test_a_note_on_the_source_that_is_none_is_left_out(parts, tmp_path):
    tensors, metadata = parts
    path = tmp_path / "model.safetensors"
    for note in ("{", "3", '{"file": 3}', '{"file": "", "sha256": "", "kind": "", "licence": 1}', "[" * 10**5):
        save_file(tensors, path, metadata | {"avserver.source": note})
        assert checkpoint.source(path) is None
