"""Peak memory of the current process."""

from __future__ import annotations

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_rss() -> float | None:
    """Largest memory this process has held in RAM.

    Linux keeps it per program in /proc (`getrusage` also counts what the parent held before the
    program started). Elsewhere `getrusage` is asked; Windows has neither.

    RETURNS (float | None): Bytes, or None if the system does not say.
    """
    if STATUS.is_file():
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024.0
    try:
        import resource
    except ImportError:
        return None
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else peak * 1024
