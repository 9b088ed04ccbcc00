"""Models of other programs. The files of `tests/data/imports` are real ones, their pictures the originals'."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.generator import checkpoint, load
from avserver.generator.importing import UNKNOWN_LICENCE, import_model, licence_note
from avserver.generator.importing.opcodes import Budget
from avserver.generator.importing.pytorch import read_pytorch
from avserver.generator.importing.torch_file import read_torch_file
from avserver.generator.importing.values import Instance
from tests.generator.pickles import Call, Global, dumps, generator, legacy_file, storage, tensor, view

FILES = Path(__file__).parents[1] / "data" / "imports"
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def expected():
    with np.load(FILES / "expected.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stylegan2_resnet.pkl", "official PyTorch pickle"),
        ("tensorflow.pkl", "official TensorFlow pickle"),
        ("stylegan3_t.pkl", "official PyTorch pickle"),
        ("stylegan3_r.pkl", "official PyTorch pickle"),
        ("rosinality.pt", "rosinality's PyTorch file"),
        ("rosinality_legacy.pt", "rosinality's PyTorch file"),
    ],
)
def test_an_imported_model_draws_the_originals_pictures(name, kind, expected, tmp_path):
    model = import_model(FILES / name)
    checkpoint.write(tmp_path / "model.safetensors", model)
    drawn = load(tmp_path / "model.safetensors")
    z = np.concatenate([np.random.RandomState(seed).randn(1, drawn.z_dim) for seed in (0, 1)])
    ws = drawn.mapping(z, np.eye(2) if drawn.c_dim else None, truncation_psi=0.7)
    np.testing.assert_allclose(ws, expected[f"{name}/ws"], atol=TOLERANCE)
    np.testing.assert_allclose(drawn.synthesis(ws), expected[f"{name}/image"], atol=TOLERANCE)
    source = checkpoint.source(tmp_path / "model.safetensors")
    assert source == model.source
    assert (source.file, source.kind, source.licence) == (name, kind, UNKNOWN_LICENCE)
    assert source.sha256 == checkpoint.sha256_of(FILES / name)
    assert "torch" not in sys.modules


@pytest.fixture(scope="module")
def parts(tiny_model):
    """The tensors and official arguments of a good model, to be spoilt."""
    model = checkpoint.read(tiny_model)
    arguments = {
        "z_dim": 16,
        "c_dim": 0,
        "w_dim": 16,
        "img_resolution": 16,
        "img_channels": 3,
        "mapping_kwargs": {"num_layers": 2},
        "synthesis_kwargs": {"channel_base": 128, "channel_max": 16, "num_fp16_res": 4},
    }
    return model, arguments


def imported(path, tree):
    path.write_bytes(tree if isinstance(tree, bytes) else dumps(tree))
    return import_model(path)


def refused(path, tree, words):
    with pytest.raises(ModelError, match=words) as caught:
        imported(path, tree)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_tensor_arrives(parts, tmp_path):
    model, arguments = parts
    found = imported(tmp_path / "model.pkl", {"G": None, "G_ema": generator(model.tensors, arguments)})
    assert found.config == model.config
    assert found.tensors.keys() == model.tensors.keys()
    for name, x in model.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], x)


def test_what_cannot_be_drawn_says_why(parts, tmp_path):
    model, arguments = parts
    path = tmp_path / "model.pkl"
    name = "synthesis.b8.conv0.weight"
    less = {key: x for key, x in model.tensors.items() if key != name}
    refused(path, {"G_ema": generator(less, arguments)}, rf"lacks the tensor {name} .*tensors found: mapping\.w_avg")
    odd = model.tensors | {name: np.zeros((4, 16, 3, 3))}
    refused(path, {"G_ema": generator(odd, arguments)}, rf"{name} has shape \(4, 16, 3, 3\), expected \(16, 16, 3, 3\)")
    broken = model.tensors | {name: np.full((16, 16, 3, 3), np.nan)}
    refused(path, {"G_ema": generator(broken, arguments)}, f"{name} has values that are no numbers")
    other = {"G_ema": generator({"mapping.w_avg": np.zeros(3), "trunk.weight": np.zeros(3)}, arguments)}
    refused(path, other, "neither StyleGAN2 nor StyleGAN3, it is a Generator of mapping, trunk")
    refused(path, {"G": None, "epoch": 3}, "no generator that is known .*found: 'G': None, 'epoch': 3")
    refused(path, {"GAN": {"GE.initial_block": tensor(np.zeros(3))}, "version": "1"}, "lucidrains")
    refused(path, [1, 2.5], "found: 1, 2.5")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"img_channels": 1}, "img_channels is 1, only 3 is drawn"),
        ({"mapping_kwargs": {"activation": "relu"}}, "activation is 'relu', only 'lrelu' is drawn"),
        ({"attention": True}, "the argument 'attention', which the official networks don't"),
        ({"synthesis_kwargs": {"architecture": "swin"}}, "block_architecture 'swin'"),
        ({"mapping_kwargs": {"num_layers": 10**9}}, "mapping_layers are 64 at most, got 1000000000"),
        ({"img_resolution": [16]}, "img_resolution is a number or a word, got a list"),
        ({"z_dim": 10**30}, "z_dim is a huge number"),
        ({"mapping_kwargs": [1]}, "mapping_kwargs are arguments by name, got a list"),
    ],
)
def test_arguments_that_are_not_drawn_are_named(parts, tmp_path, change, words):
    model, arguments = parts
    refused(tmp_path / "model.pkl", {"G_ema": generator(model.tensors, arguments | change)}, words)


def test_rings_of_modules_end(tmp_path):
    """A pickle may put a module into itself, as often as it has room for."""
    for children in (1, 100, 10**5):
        root = Instance("Generator")
        root.state = {"_modules": {str(i): root for i in range(children)}}
        with pytest.raises(ModelError, match=r"more than 1000 modules|a short one of names is allowed"):
            read_pytorch(root, lambda tensor: tensor.numpy())


def test_older_tensorflow_and_odd_variables_are_named(tmp_path):
    def network(**state):
        return Call(Global("dnnlib.tflib.network", "Network"), (), {"version": 4, "static_kwargs": {}, **state})

    path = tmp_path / "model.pkl"
    refused(path, (network(version=3),) * 3, "version 3 .*StyleGAN2's begin at 4")
    refused(path, (network(static_kwargs={"blur": 1}),) * 3, "argument 'blur', which StyleGAN2's doesn't")
    refused(path, (network(variables=[("lod", 0.0)]),) * 3, r"lacks the tensor mapping.w_avg of shape \(512,\) .*lod")


def test_a_bfloat16_or_transposed_tensor_is_read_as_it_is_meant(tmp_path):
    x = np.arange(6, dtype="<f4").reshape(2, 3)
    halves = x.view("<u2").reshape(-1)[1::2]  # small whole numbers have nothing in their lower halves
    for kind, numbers in (("FloatStorage", x), ("BFloat16Storage", halves)):
        data = legacy_file(view(storage("0", 6, Global("torch", kind)), 0, (3, 2), (1, 3)), {"0": numbers})
        np.testing.assert_array_equal(read_torch_file(data, Budget(len(data))).numpy(), x.T)


def test_the_sha256_is_checked_and_the_licence_kept(tmp_path):
    path = FILES / "tensorflow.pkl"
    digest = checkpoint.sha256_of(path)
    assert import_model(path, sha256=digest.upper(), licence="mine").source.licence == "mine"
    with pytest.raises(ModelError, match=f"has the sha256 {digest}, expected 00"):
        import_model(path, sha256="00")


def test_licence_notes_go_by_the_name():
    assert "NVIDIA" in licence_note("stylegan3-r-ffhq-1024x1024.pkl")
    assert "NVIDIA" in licence_note("stylegan2-ffhq-config-f.pkl")
    assert licence_note("network-snapshot-000200.pkl") == UNKNOWN_LICENCE


def test_npz_is_imported_too(tmp_path):
    path = FILES.parent / "stylegan2_64.npz"
    assert import_model(path).config.resolution == 64
    kwargs = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_resolution": 8, "img_channels": 3, "colour": 1}
    np.savez(tmp_path / "odd.npz", meta=json.dumps({"kind": "stylegan2", "kwargs": kwargs}))
    with pytest.raises(ModelError, match="the argument 'colour'"):
        import_model(tmp_path / "odd.npz")
