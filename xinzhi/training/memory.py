"""Keeping the C library from holding on to freed memory during training."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
ONE_MEGABYTE = 1 << 20


def return_freed_memory() -> bool:
    """Have glibc give back blocks of a megabyte and more as soon as they are freed.

    Batches differ in length, so activations do in size; glibc's default thresholds grow with them
    and the process with those.

    RETURNS (bool): Whether the C library took the setting; False where there is no mallopt.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, ONE_MEGABYTE) & mallopt(M_TRIM_THRESHOLD, ONE_MEGABYTE))
