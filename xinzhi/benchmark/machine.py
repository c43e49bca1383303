"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..compat import installed_versions

PACKAGES = (
    "xinzhi",
    "spacy",
    "spacy-transformers",
    "thinc",
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "onnxruntime",
    "openvino",
)
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")


def describe_machine(threads: int) -> dict[str, Any]:
    """Describe this machine and what is installed on it.

    threads (int): How many threads the contenders may use.
    RETURNS (dict): "cpu", "cores", "threads", "flags", "memory_gib", "system", "load", "date",
        "versions".
    """
    processor = _cpuinfo()
    present = set(processor.get("flags", "").split())
    return {
        "cpu": processor.get("model name") or platform.processor() or platform.machine(),
        "cores": available_cores(),
        "threads": threads,
        "flags": [flag for flag in FLAGS if flag in present],
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "versions": {"python": platform.python_version(), **installed_versions(PACKAGES)},
    }


def available_cores() -> int:
    """RETURNS (int): Cores this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _cpuinfo() -> dict[str, str]:
    """RETURNS (dict): The first processor's fields in /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    first = path.read_text(encoding="utf8", errors="replace").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def _memory_gib() -> float | None:
    names = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(names):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
