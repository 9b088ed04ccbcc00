"""Spout and Syphon against stand-ins: modules with the published names and signatures of SpoutGL 0.1.1 (from its
source, PySpoutGL.cpp) and of syphon-python 0.2.0 (from its wheel). Neither Windows nor macOS was at hand.
"""

import sys
import threading
import time
from contextlib import nullcontext
from types import ModuleType

import numpy as np
import pytest

from avserver.config import Show
from avserver.doctor.finding import Finding, State, examine
from avserver.doctor.surroundings import surroundings_checks
from avserver.errors import ConfigError
from avserver.frame import Frame
from avserver.outputs.catalogue import Stage, make_output
from avserver.outputs.output import Output, OutputState
from avserver.outputs.settings import (
    OutputSettings,
    SpoutSettings,
    SyphonSettings,
    TouchDesignerSettings,
    V4l2Settings,
    kind_of,
)

STAGE = Stage(fps=30.0, width_px=6, height_px=4)
GL_RGBA = 0x1908


class SpoutSender:
    """SpoutGL.SpoutSender, as far as it is used."""

    made: list["SpoutSender"] = []  # noqa: RUF012
    takes = True

    def __init__(self) -> None:
        self.name, self.images, self.released = "", [], False
        self.thread = threading.current_thread()
        self.made.append(self)

    def setSenderName(self, sendername: str) -> None:  # noqa: N802
        self.name = sendername

    def sendImage(  # noqa: N802
        self, buffer: object, width: int, height: int, gl_format: int, invert: bool, host_fbo: int, /
    ) -> bool:
        assert self.thread is threading.current_thread()  # OpenGL's
        assert (gl_format, invert, host_fbo) == (GL_RGBA, False, 0)
        view = memoryview(buffer)  # type: ignore[arg-type]
        assert view.c_contiguous
        assert view.nbytes == width * height * 4
        self.images.append(np.frombuffer(view, np.uint8).reshape(height, width, 4))
        return self.takes

    def releaseSender(self) -> None:  # noqa: N802
        self.released = True


class Texture:
    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.image: np.ndarray | None = None


class SyphonMetalServer:
    """syphon.SyphonMetalServer, as far as it is used."""

    made: list["SyphonMetalServer"] = []  # noqa: RUF012
    trouble: Exception | None = None

    def __init__(
        self, name: str, device: object = None, command_queue: object = None, *, is_private: bool = False
    ) -> None:
        if self.trouble:
            raise self.trouble
        self.name, self.device, self.has_clients = name, device or "a device", False
        self.published: list[np.ndarray] = []
        self.textures: list[Texture] = []
        self.stopped = False
        self.made.append(self)

    def publish_frame_texture(
        self,
        texture: Texture,
        region: object = None,
        size: object = None,
        is_flipped: bool = False,
        command_buffer: object = None,
        auto_commit: bool = True,
    ) -> None:
        assert is_flipped
        assert texture.image is not None
        self.textures.append(texture)
        self.published.append(texture.image)

    def stop(self) -> None:
        self.stopped = True


def create_mtl_texture(device: object, width: int, height: int, pixel_format: int = 70) -> Texture:
    assert device == "a device"
    return Texture(width, height)


def copy_image_to_mtl_texture(image: np.ndarray, texture: Texture) -> None:
    assert image.shape == (*texture.size[::-1], 4)
    texture.image = image.copy()


def install(monkeypatch: pytest.MonkeyPatch, platform: str, **modules: dict[str, object]) -> None:
    """Have modules with those contents (`__` stands for a dot), and be on that system."""
    monkeypatch.setattr(sys, "platform", platform)
    for name, contents in modules.items():
        module = ModuleType(name.replace("__", "."))
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for backend in ("spout", "syphon"):
        monkeypatch.delitem(sys.modules, f"avserver.outputs.{backend}", raising=False)


@pytest.fixture
def spout(monkeypatch: pytest.MonkeyPatch) -> type[SpoutSender]:
    kind = type("SpoutSender", (SpoutSender,), {"made": []})
    install(monkeypatch, "win32", SpoutGL={"SpoutSender": kind}, SpoutGL__enums={"GL_RGBA": GL_RGBA})
    return kind


@pytest.fixture
def metal(monkeypatch: pytest.MonkeyPatch) -> type[SyphonMetalServer]:
    kind = type("SyphonMetalServer", (SyphonMetalServer,), {"made": []})
    install(
        monkeypatch,
        "darwin",
        objc={"autorelease_pool": nullcontext},
        syphon={"SyphonMetalServer": kind},
        syphon__utils={},
        syphon__utils__numpy={"copy_image_to_mtl_texture": copy_image_to_mtl_texture},
        syphon__utils__raw={"create_mtl_texture": create_mtl_texture},
    )
    return kind


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)


def send(output: Output, seed: int = 1) -> None:
    before = output.sent + output.failed
    output.send(Frame(pixels=picture(seed), index=0, t_s=0.0))
    end_s = time.monotonic() + 10
    while output.sent + output.failed == before:
        assert time.monotonic() < end_s
        time.sleep(0.001)


def doctor(name: str) -> Finding:
    return next(examine(check).finding for check in surroundings_checks(Show()) if check.name == name)


def test_the_doctor_sends_a_frame_by_spout(spout: type[SpoutSender], monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor("Spout") == Finding(State.OK, "takes frames")
    assert [sender.name for sender in spout.made] == ["avserver doctor"]
    spout.takes = False
    assert doctor("Spout").state is State.BROKEN
    assert "does not take the frame" in doctor("Spout").found
    assert all(sender.released for sender in spout.made)
    monkeypatch.delitem(sys.modules, "avserver.outputs.spout")
    monkeypatch.setitem(sys.modules, "SpoutGL", None)
    missing = doctor("Spout")
    assert (missing.state, missing.advice) == (State.MISSING, "pip install avserver[spout]")


def test_the_doctor_sends_a_frame_by_syphon(metal: type[SyphonMetalServer]) -> None:
    assert doctor("Syphon") == Finding(State.OK, "takes frames")
    metal.trouble = RuntimeError("No Metal device is available")
    broken = doctor("Syphon")
    assert (broken.state, broken.found) == (State.BROKEN, "No Metal device is available")


def test_spout_sends_upright_rgba(spout: type[SpoutSender]) -> None:
    with make_output(SpoutSettings(sender="stage"), "spout", STAGE) as output:
        assert output.where == "Spout, sender stage"
        send(output)
    (sender,) = spout.made
    assert sender.name == "stage"
    assert sender.released
    np.testing.assert_array_equal(sender.images[0][..., :3], picture(1))
    assert (sender.images[0][..., 3] == 255).all()


def test_spout_that_refuses_is_told_and_tried_again(spout: type[SpoutSender]) -> None:
    spout.takes = False
    with make_output(SpoutSettings(), "spout", STAGE) as output:
        send(output)
        assert output.state is OutputState.FAILING
        assert output.error.startswith("Spout does not take the frame")
        assert spout.made[0].released
        spout.takes = True
        while not output.sent:
            send(output)
    assert len(spout.made) == 2


def test_syphon_publishes_upright_rgba(metal: type[SyphonMetalServer]) -> None:
    with make_output(SyphonSettings(server="stage"), "syphon", STAGE) as output:
        assert output.where == "Syphon, server stage"
        (server,) = metal.made
        assert server.name == "stage"
        assert output.status()["clients"] == 0
        server.has_clients = True
        assert output.status()["clients"] == 1
        for seed in (1, 2):
            send(output, seed)
    for seed, image in enumerate(server.published, 1):
        np.testing.assert_array_equal(image[..., :3], picture(seed))
        assert (image[..., 3] == 255).all()
    assert server.textures[0] is not server.textures[1]
    assert server.stopped


def test_a_mac_without_metal_is_told(metal: type[SyphonMetalServer]) -> None:
    metal.trouble = RuntimeError("No Metal device is available")
    with make_output(SyphonSettings(), "syphon", STAGE) as output:
        assert output.error == "No Metal device is available"


@pytest.mark.parametrize(
    ("settings", "system"),
    [(SpoutSettings(), "Windows"), (TouchDesignerSettings(), "Windows"), (SyphonSettings(), "macOS")],
)
def test_other_systems_are_refused(settings: OutputSettings, system: str) -> None:
    expected = f"an output of kind '{kind_of(settings)}' needs {system}, this is Linux; kinds for every system: zeromq"
    with pytest.raises(ConfigError, match=expected):
        make_output(settings, "x", STAGE)


def test_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ConfigError, match="an output of kind 'v4l2' needs Linux, this is Windows"):
        make_output(V4l2Settings(), "x", STAGE)


@pytest.mark.parametrize(
    ("settings", "platform", "module"), [(SpoutSettings(), "win32", "SpoutGL"), (SyphonSettings(), "darwin", "objc")]
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: OutputSettings, platform: str, module: str
) -> None:
    install(monkeypatch, platform)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"pip install avserver\[{kind_of(settings)}\]"):
        make_output(settings, "x", STAGE)
