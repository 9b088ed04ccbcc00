"""What a pickle may hold here besides plain values. All of it is data: nothing has a method that a file could call.

A tensor knows where its numbers lie, and they are read only when somebody asks: what a file claims costs nothing.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.errors import ModelError

DIMENSIONS = 8  # of a tensor, at most; a convolution's weight has 4, or 5 in some layouts

Bytes = bytes | memoryview
Numbers = npt.NDArray[Any]


def describe(value: Any) -> str:
    """Return a few words about a value from a file, for a message: never long, never deep, always on one line."""
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else "a huge number"
    if isinstance(value, str | bytes):
        return repr(value[:60]) + ("…" if len(value) > 60 else "")
    if isinstance(value, Instance):
        return f"a {value.kind}"
    if isinstance(value, Tensor | Array):
        return f"a tensor of shape {value.shape}"
    return f"a {type(value).__name__}"


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number from 0 on that a size can be."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) <= DIMENSIONS and all(map(is_count, value))


class Buildable(ABC):
    """What a pickle may give a state after it was made."""

    @abstractmethod
    def build(self, state: Any) -> None:
        """Take the state. Raises ModelError if it is none for this object."""


class Instance(Buildable):
    """What would be an object of a class that is never imported: its name, and what it held.

    Attributes:
        kind: the class's name.
        state: its attributes by name.
    """

    def __init__(self, kind: str, state: dict[str, Any] | None = None) -> None:
        self.kind = kind
        self.state = state if state is not None else {}

    def build(self, state: Any) -> None:
        """Take the attributes."""
        if not isinstance(state, dict) or self.state:
            raise ModelError(f"a {self.kind} takes its attributes once and by name, got {describe(state)}")
        self.state = state


@dataclass(frozen=True, slots=True)
class StorageType:
    """How the numbers of a storage are written. bfloat16, which numpy lacks, is the upper half of a float32."""

    name: str
    dtype: np.dtype[Any]
    is_bfloat16: bool = False


class Storage:
    """A row of numbers in the file; tensors are views of it.

    Attributes:
        kind: of its numbers.
        count: how many it claims to have; checked against the file before anything is read.
        fetch: returns its bytes.
    """

    def __init__(self, kind: StorageType, count: int, fetch: Callable[[], Bytes] | None = None) -> None:
        self.kind = kind
        self.count = count
        self.fetch = fetch

    @property
    def size(self) -> int:
        """How many bytes it claims to have."""
        return self.count * self.kind.dtype.itemsize

    def numbers(self) -> Numbers:
        """Return all its numbers. Raises ModelError if the file doesn't hold them."""
        if self.fetch is None:
            raise ModelError("the file lacks the numbers of a tensor")
        data = self.fetch()
        if len(data) < self.size:
            raise ModelError(f"a tensor's storage claims {self.size} bytes, the file holds {len(data)}")
        numbers = np.frombuffer(data, self.kind.dtype, self.count)
        if self.kind.is_bfloat16:
            return (numbers.astype(np.uint32) << 16).view(np.float32)
        return numbers


class Tensor:
    """A view of a storage, all of it within the storage, and no larger than it.

    Raises ModelError for any other.
    """

    def __init__(self, storage: Storage, offset: Any, shape: Any, strides: Any) -> None:
        if not (is_count(offset) and _is_shape(shape) and _is_shape(strides) and len(shape) == len(strides)):
            raise ModelError("a tensor's offset, shape and strides are whole numbers from 0 on, got others")
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        count = math.prod(shape)
        if count and (last >= storage.count or count > storage.count):
            raise ModelError(
                f"a tensor of shape {shape}, strides {strides} and offset {offset} does not fit its storage "
                f"of {storage.count} numbers"
            )
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    @property
    def size(self) -> int:
        """How many bytes its numbers take."""
        return math.prod(self.shape) * self.storage.kind.dtype.itemsize

    def numpy(self) -> Numbers:
        """Return its numbers, copied."""
        numbers = self.storage.numbers()[self.offset :] if math.prod(self.shape) else np.zeros(0, np.float32)
        steps = tuple(numbers.itemsize * stride for stride in self.strides)
        return np.lib.stride_tricks.as_strided(numbers, self.shape, steps, writeable=False).copy()


NUMPY_KINDS = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


class Dtype(Buildable):
    """A numpy number type: boolean, whole or floating; no objects, no records, no text."""

    def __init__(self, name: Any) -> None:
        if not isinstance(name, str) or name.lstrip("<>|=") not in NUMPY_KINDS:
            raise ModelError(f"arrays hold numbers, got the number type {describe(name)}")
        self.dtype = np.dtype(name)

    def build(self, state: Any) -> None:
        """Take the byte order, the only part of numpy's state that numbers have."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise ModelError("a number type's state is numpy's, got another")
        if any(part is not None for part in state[2:5]):
            raise ModelError("arrays hold numbers, got records")
        self.dtype = self.dtype.newbyteorder(state[1])


class Array(Buildable):
    """A numpy array."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = (0,)
        self._dtype: np.dtype[Any] = np.dtype(np.float32)
        self._data: Bytes = b""
        self._fortran = False

    def build(self, state: Any) -> None:
        """Take numpy's state: version, shape, number type, order, bytes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise ModelError(f"an array's state is numpy's, got {describe(state)}")
        self.fill(*state[1:])

    def fill(self, shape: Any, dtype: Any, fortran: Any, data: Any) -> None:
        """Take the numbers. Raises ModelError unless there are as many as the shape says."""
        if not (_is_shape(shape) and isinstance(dtype, Dtype) and isinstance(fortran, bool | int)):
            raise ModelError("an array has a shape, a number type and an order, got others")
        if isinstance(data, str):  # of Python 2, where bytes were text; other characters than bytes are refused
            data = latin1(data)
        if not isinstance(data, bytes) or len(data) != math.prod(shape) * dtype.dtype.itemsize:
            raise ModelError(f"an array of shape {shape} does not fit its bytes ({describe(data)})")
        self.shape, self._dtype, self._fortran, self._data = shape, dtype.dtype, bool(fortran), data

    @property
    def size(self) -> int:
        """How many bytes its numbers take."""
        return len(self._data)

    def numpy(self) -> Numbers:
        """Return its numbers."""
        return np.frombuffer(self._data, self._dtype).reshape(self.shape, order="F" if self._fortran else "C")


def latin1(text: str) -> bytes:
    """Return the bytes that a text stands for. Raises ModelError for characters that are none."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as err:
        raise ModelError("bytes written as text hold characters that are no bytes") from err
