"""The weights of a pipeline by names that are the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from spacy.language import Language
from thinc.api import Model, to_numpy

Key = tuple[int, str]  # what Thinc's optimizers know a weight by; the number differs by process


def trainable_pipes(nlp: Language, exclude: list[str]) -> list[tuple[str, Any]]:
    """The components that training changes, by the rule of spaCy's training loop.

    nlp (Language): The pipeline.
    exclude (list): Names of frozen components.
    RETURNS (list): (name, component).
    """
    return [
        (name, pipe)
        for name, pipe in nlp.pipeline
        if name not in exclude
        and getattr(pipe, "is_trainable", False)
        and getattr(pipe, "model", None) not in (True, False, None)
    ]


def named_weights(nlp: Language) -> Iterator[tuple[str, Key, Any]]:
    """Go through all weights of the pipeline.

    nlp (Language): The pipeline, initialised.
    YIELDS (tuple): Name "component/node/weight", the optimizer's key, and the array or tensor.
    """
    for name, pipe in nlp.pipeline:
        model = getattr(pipe, "model", None)
        if not isinstance(model, Model):
            continue
        for index, node in enumerate(model.walk()):
            for shim in node.shims:
                for weight, tensor in _torch_weights(shim):
                    yield f"{name}/{index}/torch/{weight}", (shim.id, weight), tensor
            for weight in node.param_names:
                if node.has_param(weight):
                    yield f"{name}/{index}/{weight}", (node.id, weight), node.get_param(weight)


def weights_hash(nlp: Language) -> str:
    """RETURNS (str): The SHA-256 hex digest over the names and bytes of all weights."""
    digest = hashlib.sha256()
    for name, _, value in named_weights(nlp):
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else to_numpy(value)
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def drop_gradients(nlp: Language) -> None:
    """Forget the gradients that an update has left, as if it had not been made."""
    for _, pipe in trainable_pipes(nlp, []):
        for node in pipe.model.walk():
            for shim in node.shims:
                for _, tensor in _torch_weights(shim):
                    tensor.grad = None
            for weight in node.param_names:
                if node.has_grad(weight):
                    node.get_grad(weight).fill(0.0)


def _torch_weights(shim: Any) -> Iterator[tuple[str, Any]]:
    module = getattr(shim, "_model", None)
    if isinstance(module, torch.nn.Module):
        yield from module.named_parameters()
