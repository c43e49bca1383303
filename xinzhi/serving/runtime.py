"""The folder that the workers of one service share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

RUNTIME = "XINZHI_SERVE_RUNTIME"


def runtime_folder() -> Path:
    """RETURNS (Path): The folder; made by the first who asks, known to processes started later."""
    if RUNTIME not in os.environ:
        os.environ[RUNTIME] = tempfile.mkdtemp(prefix="xinzhi-serve-")
    return Path(os.environ[RUNTIME])
