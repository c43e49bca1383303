"""The weights of a pipeline by names that are the same in every process."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
                for weight, tensor in torch_weights(shim):
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


def gradient_norm(nlp: Language, exclude: list[str]) -> float:
    """The L2 norm of all gradients that the next step of the optimizer will use, before clipping.

    nlp (Language): The pipeline, after an update.
    exclude (list): Names of frozen components.
    RETURNS (float): The norm; NaN or infinity if a gradient has one. A part in mixed precision
        whose gradients have overflown is left out: its step is skipped.
    """
    squares = [0.0]
    for _, pipe in trainable_pipes(nlp, exclude):
        for node in pipe.model.walk():
            for shim in node.shims:
                if not getattr(getattr(shim, "_grad_scaler", None), "found_inf", False):
                    squares += [_square(tensor.grad) for _, tensor in torch_weights(shim)]
            squares += [_square(node.get_grad(w)) for w in node.param_names if node.has_grad(w)]
    total = float(sum(squares))
    return math.sqrt(total) if total >= 0 else math.nan


def torch_shims(nlp: Language) -> list[Any]:
    """RETURNS (list): What holds the torch modules of the pipeline."""
    models = [getattr(pipe, "model", None) for _, pipe in nlp.pipeline]
    nodes = [node for model in models if isinstance(model, Model) for node in model.walk()]
    shims = [shim for node in nodes for shim in node.shims]
    return [shim for shim in shims if isinstance(getattr(shim, "_model", None), torch.nn.Module)]


@contextmanager
def exact_weights(nlp: Language) -> Iterator[None]:
    """Within this context a pipeline is saved with no weight rounded, whatever `store` says."""
    with ExitStack() as stack:
        for shim in torch_shims(nlp):
            if exact := getattr(shim, "exact", None):
                stack.enter_context(exact())
        yield


def drop_gradients(nlp: Language) -> None:
    """Forget the gradients that an update has left, as if it had not been made."""
    for _, pipe in trainable_pipes(nlp, []):
        for node in pipe.model.walk():
            for shim in node.shims:
                for _, tensor in torch_weights(shim):
                    tensor.grad = None
            for weight in node.param_names:
                if node.has_grad(weight):
                    node.get_grad(weight).fill(0.0)


def _square(gradient: Any) -> Any:
    """RETURNS (float): The sum of squares of a torch, NumPy or CuPy array; 0 for None."""
    if gradient is None:
        return 0.0
    flat = gradient.reshape(-1)
    return torch.dot(flat, flat) if isinstance(flat, torch.Tensor) else flat.dot(flat)


def torch_weights(shim: Any) -> Iterator[tuple[str, Any]]:
    module = getattr(shim, "_model", None)
    if isinstance(module, torch.nn.Module):
        yield from module.named_parameters()
