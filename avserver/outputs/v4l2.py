"""A virtual camera of Linux: frames written to a device of the kernel module v4l2loopback.

After the kernel's public description of Video4Linux2, "Output Interface": VIDIOC_QUERYCAP, VIDIOC_S_FMT, then one
`write` a frame. The numbers are those of linux/videodev2.h for 64-bit Linux.
"""

import fcntl
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from avserver.errors import ConfigError
from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.shape import Shape

# struct v4l2_capability (104 bytes): driver, card, bus, version, capabilities, those of this device, reserved.
CAPABILITY = struct.Struct("=16s32s32sIII12x")
VIDIOC_QUERYCAP = 0x80685600
# What the device itself can do, and what the whole driver can; the first is given if this bit is in the second.
_DEVICE_CAPS = 0x80000000
_VIDEO_OUTPUT = 0x2

# struct v4l2_format (208 bytes) with its v4l2_pix_format: type, (alignment,) width, height, pixel format, field, bytes
# per row, bytes per picture, colour space; the rest is zero and left to the driver.
FORMAT = struct.Struct("=I4xIIIIIII")
FORMAT_SIZE = 208
VIDIOC_S_FMT = 0xC0D05605
_TYPE_OUTPUT = 2
# Y'CbCr 4:2:2, packed: what webcams give, so every program takes it.
YUYV = int.from_bytes(b"YUYV", "little")
_FIELD_NONE = 1
# ITU-R BT.601 with 16 to 235 and 240, which is what OpenCV converts to.
_COLORSPACE_SMPTE170M = 1


class V4l2Output(Output):
    """Writes frames to a v4l2loopback device, which other programs see as a camera.

    The module has to be loaded: `modprobe v4l2loopback exclusive_caps=1` (browsers want exclusive_caps).

    Args:
        device: its file.
        shape: of all frames; the width is even.
        name, fps: see `Output`.

    Raises ConfigError for an odd width.
    """

    def __init__(self, device: str = "/dev/video0", *, shape: Shape, name: str = "", fps: float = 0.0) -> None:
        super().__init__(name or f"v4l2 {device}", shape=shape, fps=fps)
        if shape.width_px % 2:
            raise ConfigError(
                f"a camera's picture has an even width, got {shape.width_px} px; set width_px and height_px"
            )
        self._device = device
        self._shape = shape
        self._file = -1

    @property
    def where(self) -> str:
        """The device."""
        return f"{self._device} (camera, {self._shape.width_px}x{self._shape.height_px} px)"

    def _open(self) -> None:
        try:
            self._file = os.open(self._device, os.O_RDWR)
        except FileNotFoundError as err:
            others = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
            raise OSError(
                f"there is no {self._device}; load the kernel module (modprobe v4l2loopback exclusive_caps=1); "
                f"cameras: {others}"
            ) from err
        try:
            self._check()
            self._set_format()
        except OSError:
            os.close(self._file)
            raise

    def _check(self) -> None:
        """Raise OSError if pictures cannot be written there."""
        answer = bytearray(CAPABILITY.size)
        try:
            fcntl.ioctl(self._file, VIDIOC_QUERYCAP, answer)
        except OSError as err:
            raise OSError(f"{self._device} is not a camera: {err.strerror}") from err
        _, card, _, _, driver_caps, device_caps = CAPABILITY.unpack(answer)
        if not (device_caps if driver_caps & _DEVICE_CAPS else driver_caps) & _VIDEO_OUTPUT:
            label = card.rstrip(b"\0").decode(errors="replace")
            raise OSError(
                f"{self._device} ({label}) takes no pictures: it is a real camera, or another program writes to it"
            )

    def _set_format(self) -> None:
        """Tell the device what comes. Raises OSError if it does not take that."""
        width, height = self._shape.width_px, self._shape.height_px
        wanted = bytearray(FORMAT_SIZE)
        size = width * height * 2
        FORMAT.pack_into(
            wanted, 0, _TYPE_OUTPUT, width, height, YUYV, _FIELD_NONE, width * 2, size, _COLORSPACE_SMPTE170M
        )
        try:
            fcntl.ioctl(self._file, VIDIOC_S_FMT, wanted)
        except OSError as err:
            raise OSError(f"{self._device} does not take {width}x{height} px: {err.strerror}") from err
        _, got_width, got_height, got_format, _, _, got_size, _ = FORMAT.unpack_from(wanted)
        if (got_width, got_height, got_format, got_size) != (width, height, YUYV, size):
            word = got_format.to_bytes(4, "little").decode(errors="replace")
            raise OSError(
                f"{self._device} is fixed to {got_width}x{got_height} px {word}, not {width}x{height} px YUYV; "
                "end the programs that show it, or choose that size"
            )

    def _send(self, frame: Frame) -> None:
        picture = yuyv(frame.pixels)
        written = os.write(self._file, picture.data)
        if written != picture.nbytes:
            raise OSError(f"{self._device} took {written} of {picture.nbytes} bytes")

    def _close(self) -> None:
        os.close(self._file)


def yuyv(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return RGB (h, w, 3) as Y'CbCr 4:2:2 (h, w, 2): Y' of each pixel, and Cb, Cr in turn."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_YUYV), np.uint8)
