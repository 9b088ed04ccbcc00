"""The virtual camera, as far as it goes without the kernel module: numbers against the kernel's own header, a device
that is missing or of another kind, and the conversion. That a real v4l2loopback takes the frames is not tested here.
"""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.frame import Frame
from avserver.outputs import v4l2
from avserver.outputs.output import OutputState
from avserver.outputs.v4l2 import V4l2Output
from avserver.shape import Shape
from tests.conftest import missing

SHAPE = Shape(16, 12)

# Prints the numbers, then the bytes that a C program would hand to the kernel for 640x480 px.
PROGRAM = """
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    struct v4l2_format f;
    memset(&f, 0, sizeof f);
    f.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    f.fmt.pix.width = 640;
    f.fmt.pix.height = 480;
    f.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
    f.fmt.pix.field = V4L2_FIELD_NONE;
    f.fmt.pix.bytesperline = 1280;
    f.fmt.pix.sizeimage = 614400;
    f.fmt.pix.colorspace = V4L2_COLORSPACE_SMPTE170M;
    struct v4l2_capability c;
    memset(&c, 0, sizeof c);
    strcpy((char *)c.card, "a card");
    c.capabilities = V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE;
    c.device_caps = V4L2_CAP_VIDEO_OUTPUT;
    printf("%lu %lu\\n", (unsigned long)VIDIOC_QUERYCAP, (unsigned long)VIDIOC_S_FMT);
    for (size_t i = 0; i < sizeof f; i++) printf("%02x", ((unsigned char *)&f)[i]);
    printf("\\n");
    for (size_t i = 0; i < sizeof c; i++) printf("%02x", ((unsigned char *)&c)[i]);
    return 0;
}
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the program above says."""
    if shutil.which("gcc") is None or not Path("/usr/include/linux/videodev2.h").exists():
        missing("no gcc, or no kernel headers")
    folder = tmp_path_factory.mktemp("v4l2")
    (folder / "say.c").write_text(PROGRAM)
    subprocess.run(["gcc", str(folder / "say.c"), "-o", str(folder / "say")], check=True)
    return subprocess.run([folder / "say"], check=True, capture_output=True, text=True).stdout.split("\n")


def test_what_is_asked_of_the_kernel_is_what_its_header_says(
    kernel: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls, format_ = [], b""

    def ioctl(_file: int, request: int, data: bytearray) -> int:
        nonlocal format_
        calls.append(request)
        if request == v4l2.VIDIOC_QUERYCAP:
            data[:] = bytes.fromhex(kernel[2])
        else:
            format_ = bytes(data)
        return 0

    monkeypatch.setattr(v4l2.fcntl, "ioctl", ioctl)
    device = tmp_path / "video"
    device.touch()
    output = V4l2Output(str(device), shape=Shape(640, 480))
    with output:
        output.send(Frame(pixels=np.zeros((480, 640, 3), np.uint8), index=0, t_s=0.0))
    assert output.sent == 1
    assert f"{calls[0]} {calls[1]}" == kernel[0]
    assert format_.hex() == kernel[1]
    assert device.read_bytes() == b"\x10\x80" * 640 * 480  # black


def test_a_device_that_keeps_another_format_is_told(
    kernel: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ioctl(_file: int, request: int, data: bytearray) -> int:
        data[:] = bytes.fromhex(kernel[2 if request == v4l2.VIDIOC_QUERYCAP else 1])
        return 0

    monkeypatch.setattr(v4l2.fcntl, "ioctl", ioctl)
    (tmp_path / "video").touch()
    with V4l2Output(str(tmp_path / "video"), shape=SHAPE) as output:
        assert "is fixed to 640x480 px YUYV, not 16x12 px YUYV; end the programs" in output.error


def test_a_camera_that_takes_no_pictures_is_told(
    kernel: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fields = list(v4l2.CAPABILITY.unpack(bytes.fromhex(kernel[2])))
    fields[5] = 1  # V4L2_CAP_VIDEO_CAPTURE

    def ioctl(_file: int, _request: int, data: bytearray) -> int:
        data[:] = v4l2.CAPABILITY.pack(*fields)
        return 0

    monkeypatch.setattr(v4l2.fcntl, "ioctl", ioctl)
    (tmp_path / "video").touch()
    with V4l2Output(str(tmp_path / "video"), shape=SHAPE) as output:
        assert "(a card) takes no pictures: it is a real camera, or another program writes to it" in output.error


def test_a_missing_device_is_told_and_tried_again(tmp_path: Path) -> None:
    device = tmp_path / "video9"
    with V4l2Output(str(device), shape=SHAPE) as output:
        assert output.state is OutputState.FAILING
        assert output.error.startswith(f"there is no {device}; load the kernel module (modprobe v4l2loopback")
        device.touch()  # now it is a file, which is no camera
        end_s = time.monotonic() + 10
        while "there is no" in output.error:
            assert time.monotonic() < end_s
            output.send(Frame(pixels=np.zeros((12, 16, 3), np.uint8), index=0, t_s=0.0))
            time.sleep(0.01)
        assert output.error == f"{device} is not a camera: Inappropriate ioctl for device"


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ConfigError, match="a camera's picture has an even width, got 15 px"):
        V4l2Output(shape=Shape(15, 12))


def test_colours_are_those_of_bt601() -> None:
    red = np.full((2, 4, 3), (255, 0, 0), np.uint8)
    # Y' = 16 + 65.481, Cb = 128 - 37.797, Cr = 128 + 112
    assert np.abs(v4l2.yuyv(red).astype(int) - [[[81, 90], [81, 240]] * 2] * 2).max() <= 1
