"""`--deterministic`: the same seed makes the same weights."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def deterministic(on_gpu: bool) -> Iterator[list[str]]:
    """Have torch use deterministic algorithms only; put it back afterwards.

    On a CPU this is all it takes, with the same number of threads on the same machine. On a GPU
    some operations have no such algorithm: they are collected, not forbidden.

    on_gpu (bool): Whether training runs on a GPU.
    YIELDS (list): What torch says of operations that are not deterministic, as it comes up.
    """
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what CUDA asks for
    found: list[str] = []
    show = warnings.showwarning

    def collect(message: Any, *args: Any, **kwargs: Any) -> None:
        text = str(message).split(". ")[0]
        if "deterministic" not in text:
            show(message, *args, **kwargs)
        elif text not in found:
            found.append(text)

    torch.use_deterministic_algorithms(True, warn_only=on_gpu)
    warnings.showwarning = collect
    try:
        yield found
    finally:
        warnings.showwarning = show
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
