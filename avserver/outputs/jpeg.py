"""JPEG: the quickest encoder that is there."""

import io

import numpy as np
import numpy.typing as npt

# ruff: noqa: PLC0415


def jpeg(pixels: npt.NDArray[np.uint8], quality: int) -> bytes:
    """Return pixels (h, w, 3), RGB, as a JPEG file with 4:2:0 chroma; `quality` in [1, 100].

    By simplejpeg, or by Pillow, a third slower, where the former has no wheel.
    """
    try:
        import simplejpeg
    except ImportError:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        return file.getvalue()
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return encoded
