"""Checkpoints: everything that training needs to go on after it was killed.

One folder per checkpoint, complete once it has its final name: the weights as spaCy stores them,
the optimizer's moments as safetensors, and the rest as JSON. Reading one runs no pickle of ours.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file, save_file
from spacy.language import Language
from thinc.api import Optimizer

from .optimizer import optimizer_state, set_optimizer_state
from .weights import exact_weights, torch_shims

PREFIX = "step-"
WEIGHTS, MOMENTS, STATE = "pipeline", "optimizer.safetensors", "state.json"
UNCHANGED = ("vocab", "tokenizer")  # initialisation makes them again from the same data


def save_checkpoint(
    folder: Path, nlp: Language, optimizer: Optimizer, frozen: list[str], state: dict[str, Any]
) -> Path:
    """Write a checkpoint beside the others, then remove those.

    folder (Path): The folder of the checkpoints; made if need be.
    nlp (Language): The pipeline, with its weights as training goes on from them, not averaged.
    optimizer (Optimizer): Its optimizer.
    frozen (list): Components that training does not change.
    state (dict): Whatever else is needed, fit for JSON, with "step".
    RETURNS (Path): The checkpoint.
    """
    target = folder / f"{PREFIX}{state['step']:08d}"
    work = folder / f".{target.name}"
    for path in (work, target):
        shutil.rmtree(path, ignore_errors=True)
    work.mkdir(parents=True)
    with exact_weights(nlp):
        nlp.to_disk(work / WEIGHTS, exclude=[*UNCHANGED, *frozen])
    arrays, updates = optimizer_state(optimizer, nlp)
    save_file(arrays, work / MOMENTS)
    text = json.dumps({**state, "updates": updates, "scalers": _scalers(nlp)}, default=float)
    (work / STATE).write_text(text, encoding="utf8")
    work.rename(target)
    for other in folder.iterdir():
        if other != target:
            shutil.rmtree(other)
    return target


def latest_checkpoint(folder: Path) -> Path | None:
    """RETURNS (Path): The last checkpoint that was completed, or None."""
    return max(folder.glob(f"{PREFIX}*"), default=None)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """RETURNS (dict): The state that was given to `save_checkpoint`."""
    return json.loads((checkpoint / STATE).read_text(encoding="utf8"))


def restore(checkpoint: Path, nlp: Language, optimizer: Optimizer, frozen: list[str]) -> None:
    """Put weights and optimizer back to where they were.

    checkpoint (Path): The checkpoint.
    nlp (Language): The pipeline, initialised from the same config and data.
    optimizer (Optimizer): A fresh optimizer.
    frozen (list): Components that training does not change.
    """
    nlp.from_disk(checkpoint / WEIGHTS, exclude=[*UNCHANGED, *frozen])
    state = read_state(checkpoint)
    arrays = load_file(checkpoint / MOMENTS)
    set_optimizer_state(optimizer, nlp, arrays, state["updates"], steps=state["step"] + 1)
    for scaler, (scale, growth) in zip(_enabled_scalers(nlp), state["scalers"], strict=True):
        scaler._scale = torch.full_like(scaler._scale, scale)
        scaler._growth_tracker = torch.full_like(scaler._growth_tracker, growth)


def _scalers(nlp: Language) -> list[tuple[float, int]]:
    """RETURNS (list): Scale and growth of each gradient scaler in use (fp16)."""
    return [(float(s._scale), int(s._growth_tracker)) for s in _enabled_scalers(nlp)]


def _enabled_scalers(nlp: Language) -> list[Any]:
    scalers = [getattr(shim, "_grad_scaler", None) for shim in torch_shims(nlp)]
    return [scaler for scaler in scalers if scaler is not None and scaler._enabled]
