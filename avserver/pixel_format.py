"""How pixels are stored in the payload of a frame: the words of its header."""

BYTES_PER_PIXEL = {"RGB8": 3, "RGBA": 4, "BGRA": 4}
PIXEL_FORMATS = (*BYTES_PER_PIXEL, "JPEG")
