"""The state of an optimizer, to save and to restore."""

from __future__ import annotations

from typing import Any

import numpy as np
from spacy.language import Language
from thinc.api import Optimizer, to_numpy, torch2xp
from thinc.backends import get_array_ops

from .weights import named_weights, torch_shims

MOMENTS = ("mom1", "mom2", "averages")


def optimizer_state(
    optimizer: Optimizer, nlp: Language
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """What an optimizer has learned, by names that hold in another process.

    optimizer (Optimizer): The optimizer.
    nlp (Language): The pipeline whose weights it changes.
    RETURNS (tuple): "mom1:…", "mom2:…" and "averages:…" -> array, and weight -> number of updates.
    """
    arrays, updates = {}, {}
    for name, key, _ in named_weights(nlp):
        if key in optimizer.nr_update:
            updates[name] = optimizer.nr_update[key]
        for moment in MOMENTS:
            table = getattr(optimizer, moment) or {}
            if key in table:
                arrays[f"{moment}:{name}"] = np.ascontiguousarray(to_numpy(table[key]))
    return arrays, updates


def set_optimizer_state(
    optimizer: Optimizer,
    nlp: Language,
    arrays: dict[str, np.ndarray],
    updates: dict[str, int],
    steps: int,
) -> None:
    """Put an optimizer back to where `optimizer_state` found it.

    arrays (dict), updates (dict): What it returned.
    steps (int): How many steps the schedules (learning rate, …) have made.
    """
    for name, key, value in named_weights(nlp):
        if name in updates:
            optimizer.nr_update[key] = updates[name]
        for moment in MOMENTS:
            if f"{moment}:{name}" in arrays:
                table = getattr(optimizer, moment)
                table[key] = _like(value, arrays[f"{moment}:{name}"])
    for _ in range(steps):
        optimizer.step_schedules()
    for shim in torch_shims(nlp):
        shim.finish_update(optimizer)  # no gradient, no change; but layers to unfreeze follow it


def _like(weight: Any, array: np.ndarray) -> Any:
    """RETURNS (Any): The array on the device of a weight (of a torch weight: as Thinc keeps it)."""
    like = torch2xp(weight.detach()) if hasattr(weight, "detach") else weight
    return get_array_ops(like).asarray(array)
