"""Disk, memory, and how text is printed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..encoders.sources import cache_folder
from .check import PROBLEM, Check

AREA = "space"
# A training of configs/smartcity.cfg leaves and needs that much: two pipelines, a checkpoint while
# the next one is written; and its process, as measured.
DISK_GIB, MEMORY_GIB = 2.0, 3.0
GIB = 2**30
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def check_space() -> Iterator[Check]:
    """YIELDS (Check): Disk and memory of this machine."""
    temporary = Path(tempfile.gettempdir())
    places = {"this folder": Path.cwd(), "cache": cache_folder(), "temporary files": temporary}
    for name, path in places.items():
        yield check_disk(name, path)
    yield judge_memory(available_memory(MEMINFO, CGROUP))


def check_encoding() -> Iterator[Check]:
    """YIELDS (Check): Whether Chinese can be printed."""
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    if encoding.lower().replace("-", "") == "utf8":
        yield Check("system", "output", encoding)
    else:
        fix = "export PYTHONUTF8=1 (Windows: set PYTHONUTF8=1)"
        yield Check("system", "output", f"{encoding}: Chinese may not print", PROBLEM, fix)


def check_disk(name: str, path: Path) -> Check:
    """RETURNS (Check): Room in a folder (or in what is to hold it), and whether it is writable."""
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free / GIB
    found = f"{free:.1f} GiB free in {path}"
    if not os.access(there, os.W_OK):
        fix = "Use a folder you may write to (the cache: export XINZHI_CACHE=…)"
        return Check(AREA, name, f"{there} cannot be written to", PROBLEM, fix)
    if free < DISK_GIB:
        return Check(AREA, name, found, PROBLEM, f"Free {DISK_GIB:g} GiB: a training needs them.")
    return Check(AREA, name, found)


def judge_memory(gib: float | None) -> Check:
    """RETURNS (Check): Whether a training fits into the memory that is free."""
    if gib is None:
        return Check(AREA, "memory", "unknown on this system")
    found = f"{gib:.1f} GiB available"
    if gib < MEMORY_GIB:
        fix = (
            f"A training takes about {MEMORY_GIB:g} GiB: end other programs, or try smaller "
            "batches: --training.batcher.size 200"
        )
        return Check(AREA, "memory", found, PROBLEM, fix)
    return Check(AREA, "memory", found)


def available_memory(meminfo: Path, cgroup: Path) -> float | None:
    """RETURNS (float): GiB that can still be used, also in a container; None if unknown."""
    known = [value for value in (_from_meminfo(meminfo), _from_cgroup(cgroup)) if value is not None]
    return min(known, default=None)


def _from_meminfo(path: Path) -> float | None:
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf8").splitlines()
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(values["MemAvailable"].split()[0]) / 2**20 if "MemAvailable" in values else None


def _from_cgroup(folder: Path) -> float | None:
    try:
        limit = int((folder / "memory.max").read_text(encoding="utf8"))
        used = int((folder / "memory.current").read_text(encoding="utf8"))
    except (OSError, ValueError):  # no such file; "max" is no number
        return None
    return (limit - used) / GIB
