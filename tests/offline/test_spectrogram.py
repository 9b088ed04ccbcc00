import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from avserver.analysis.spectrum import Spectrum
from avserver.audio.catalogue import open_source
from avserver.errors import AudioError
from avserver.offline.spectrogram import BLOCK, blocks, spectrogram


def noise(count, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, count).astype(np.float32)


def streamed(samples, window, hop):
    spectrum = Spectrum(44_100, window=window, hop=hop)
    return np.array([spectrum(samples[i : i + hop]) for i in range(0, samples.size - hop + 1, hop)])


@pytest.mark.parametrize(("window", "hop"), [(1024, 256), (2048, 512), (4096, 256), (512, 512)])
def test_it_is_what_is_heard_hop_by_hop(window, hop):
    samples = noise(20_100)
    whole = spectrogram(samples, 44_100, window=window, hop=hop)
    assert whole.dtype == np.complex64
    np.testing.assert_allclose(whole, streamed(samples, window, hop), atol=1e-5)


def test_so_it_is_with_music_and_from_block_to_block():
    with open_source("demo") as source:
        music = source.read(BLOCK * 256 / 44_100 + 2)
    whole = spectrogram(music, 44_100)
    assert len(whole) > BLOCK
    np.testing.assert_allclose(whole, streamed(music, 1024, 256), atol=1e-5)
    assert [real.shape[0] for real, _ in blocks(music)] == [BLOCK, len(whole) - BLOCK]


@pytest.mark.parametrize("count", [0, 1, 255, 256])
def test_sound_shorter_than_a_window(count):
    assert spectrogram(noise(count), 44_100).shape == (count // 256, 513)


def test_what_it_cannot_take_is_said():
    with pytest.raises(AudioError, match=r"shape \(2, 100\): one axis"):
        spectrogram(np.zeros((2, 100), np.float32), 44_100)
    with pytest.raises(AudioError, match="hop of 1 to 256"):
        spectrogram(noise(1000), 44_100, window=256, hop=512)


# PyTorch is an extra: asked where it is installed.
@pytest.mark.parametrize("framework", ["jax", *(["torch"] if importlib.util.find_spec("torch") else [])])
def test_another_framework_says_the_same(framework, tmp_path):
    samples = noise(8192)
    np.save(tmp_path / "samples.npy", samples)
    code = (
        "import sys, numpy as np; from avserver.offline.spectrogram import spectrogram;"
        "np.save(sys.argv[2], spectrogram(np.load(sys.argv[1]), 44_100))"
    )
    files = [str(tmp_path / name) for name in ("samples.npy", "bins.npy")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, env=os.environ | {"KERAS_BACKEND": framework})
    np.testing.assert_allclose(np.load(files[1]), streamed(samples, 1024, 256), atol=1e-3)
