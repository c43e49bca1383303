"""Seconds from a new Python to the first prediction."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ..errors import XinzhiError

CODE = "import sys, spacy; spacy.load(sys.argv[1])(sys.argv[2])"


def cold_start_seconds(folder: Path, text: str) -> float:
    """Start a process that imports spaCy, loads a pipeline and predicts a text.

    folder (Path): The pipeline.
    text (str): The text.
    RETURNS (float): Seconds.
    RAISES (XinzhiError): It does not get that far.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, str(folder), text],
        capture_output=True,
        text=True,
        encoding="utf8",
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise XinzhiError(
            f"{folder} does not run in a new process: {reason}",
            "Try the pipeline in Python: spacy.load(FOLDER)(TEXT)",
        )
    return seconds
