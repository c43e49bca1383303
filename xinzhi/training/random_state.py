"""Saving and restoring the state of every random number generator that training draws from."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from thinc.compat import has_cupy_gpu


def random_state() -> dict[str, Any]:
    """RETURNS (dict): The state of Python's, NumPy's and torch's generators, fit for JSON.

    CuPy has no way to read its state: on a GPU, dropout of Thinc layers goes on from a fresh one.
    """
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "python": python_state(),
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, gauss],
        "torch": torch.get_rng_state().tolist(),
        "cuda": [state.tolist() for state in gpus],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """state (dict): What `random_state` returned."""
    set_python_state(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    if state["cuda"]:
        torch.cuda.set_rng_state_all([torch.tensor(s, dtype=torch.uint8) for s in state["cuda"]])
    if has_cupy_gpu:
        import cupy

        cupy.random.seed(int(np.random.randint(2**31)))


def python_state() -> list[Any]:
    """RETURNS (list): The state of the module `random`, fit for JSON."""
    version, numbers, gauss = random.getstate()
    return [version, list(numbers), gauss]


def set_python_state(state: list[Any]) -> None:
    """state (list): What `python_state` returned."""
    version, numbers, gauss = state
    random.setstate((version, tuple(numbers), gauss))
