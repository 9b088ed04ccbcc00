"""Named memory of Windows with a mutex, as other programs there share it."""

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from typing import Any

# Of these, what is used exists on Windows only, and other systems' type checkers do not know it.
_ctypes: Any = ctypes
_mmap: Any = mmap

# A program that keeps the mutex for longer than this hangs.
_PATIENCE_MS = 1000
_GOT, _GOT_FROM_THE_DEAD = 0x0, 0x80  # WAIT_OBJECT_0, WAIT_ABANDONED


class GuardedMemory:
    """A named file mapping, and the mutex called `NAMEMutex`. Windows removes both when nobody has them open.

    Raises OSError if the memory exists and is smaller, or if either is refused.
    """

    def __init__(self, name: str, size: int) -> None:
        self._kernel = _ctypes.WinDLL("kernel32", use_last_error=True)
        self._kernel.CreateMutexW.restype = ctypes.c_void_p
        self._kernel.CreateMutexW.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_wchar_p]
        self._kernel.WaitForSingleObject.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        self._kernel.WaitForSingleObject.restype = ctypes.c_uint32
        self._kernel.ReleaseMutex.argtypes = self._kernel.CloseHandle.argtypes = [ctypes.c_void_p]
        self._name = name
        self._map = _mmap.mmap(-1, size, tagname=name)
        self._mutex = self._kernel.CreateMutexW(None, 0, f"{name}Mutex")
        if not self._mutex:
            self._map.close()
            raise _ctypes.WinError(_ctypes.get_last_error())

    @contextlib.contextmanager
    def locked(self) -> Iterator[memoryview]:
        """Lend the bytes while the mutex is held. Raises TimeoutError, an OSError, if somebody else keeps it."""
        if self._kernel.WaitForSingleObject(self._mutex, _PATIENCE_MS) not in (_GOT, _GOT_FROM_THE_DEAD):
            raise TimeoutError(f"{self._name}Mutex was held by another program for {_PATIENCE_MS} ms")
        try:
            with memoryview(self._map) as memory:
                yield memory
        finally:
            self._kernel.ReleaseMutex(self._mutex)

    def close(self) -> None:
        """Let go of both."""
        self._map.close()
        self._kernel.CloseHandle(self._mutex)
