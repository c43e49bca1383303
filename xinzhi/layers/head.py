"""A torch head on top of a token-to-vector layer, as one Thinc model.

The model maps documents to the head's outputs (torch tensors). Gradients come back as torch tensors
too, so that a component computes its loss with autograd and hands over the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, torch2xp, xp2torch
from thinc.types import Floats2d

from ..errors import XinzhiError
from .shim import SafetensorsShim

Tensors = tuple[torch.Tensor, ...]
Gradients = tuple[torch.Tensor | None, ...]


def torch_head(
    name: str,
    tok2vec: Model[list[Doc], list[Floats2d]],
    build: Callable[..., torch.nn.Module],
    read_docs: Callable[[list[Doc]], Any] | None = None,
    l2: float = 0.0,
) -> Model[list[Doc], Tensors]:
    """Put a torch module on a token-to-vector layer.

    name (str): Name of the Thinc model.
    tok2vec (Model): One vector per token, e.g. a listener.
    build (Callable): Makes the module from `n_in` (width of the vectors) and `n_out`. The module is
        called with the vectors of all tokens of the batch, shape (tokens, n_in), the number of
        tokens per document and the result of `read_docs`; it returns a tuple of tensors.
    read_docs (Callable): Further input taken from the documents.
    l2 (float): See `SafetensorsShim`.
    RETURNS (Model): The model; it gets its weights by `initialize_head` or by loading.
    """
    return Model(
        name,
        forward,
        layers=[tok2vec],
        refs={"tok2vec": tok2vec},
        shims=[SafetensorsShim(build, l2=l2)],
        attrs={"read_docs": read_docs},
    )


def initialize_head(model: Model, docs: list[Doc], n_out: int | list[int]) -> None:
    """Initialise the token-to-vector layer and build the module.

    docs (list): A sample of documents, from which the width of the vectors is read.
    n_out (int): What `build` shall take as `n_out`.
    """
    tok2vec = model.get_ref("tok2vec")
    tok2vec.initialize(X=docs)
    shim_of(model).create(n_in=_width(tok2vec, docs), n_out=n_out)


def _width(tok2vec: Model, docs: list[Doc]) -> int:
    if tok2vec.has_dim("nO"):
        return tok2vec.get_dim("nO")
    docs = [doc for doc in docs if len(doc)]
    if not docs:
        raise XinzhiError(
            "The training data has no document with a token to initialise a component from.",
            "Check the training corpus.",
        )
    return tok2vec.predict(docs[:1])[0].shape[1]


def shim_of(model: Model) -> SafetensorsShim:
    """RETURNS (SafetensorsShim): What holds the module."""
    return cast(SafetensorsShim, model.shims[0])


def n_out(model: Model) -> int | list[int] | None:
    """RETURNS (int / list): The `n_out` of the module; None before initialisation."""
    return shim_of(model).cfg.get("n_out")


def forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[Tensors, Callable[[Gradients], list[Doc]]]:
    """Run the token-to-vector layer and the module.

    RETURNS (tuple): The module's outputs, and a callback that takes the gradient of each, or None
        for outputs that shall leave their weights alone.
    """
    shim = shim_of(model)
    device = next(shim.module.parameters()).device
    vectors, backprop_tok2vec = model.get_ref("tok2vec")(docs, is_train)
    lengths = np.array([len(rows) for rows in vectors], dtype=np.int64)
    filled = [rows for rows in vectors if len(rows)]
    flat = model.ops.xp.concatenate(filled) if filled else model.ops.alloc2f(0, shim.cfg["n_in"])
    inputs = ArgsKwargs(
        args=(xp2torch(flat, requires_grad=is_train, device=device), lengths, _read(model, docs)),
        kwargs={},
    )
    outputs, backprop_shim = shim(inputs, is_train)

    def backprop(gradients: Gradients) -> list[Doc]:
        pairs = [(y, dy) for y, dy in zip(outputs, gradients, strict=True) if dy is not None]
        pairs = [(y, dy) for y, dy in pairs if y.requires_grad]
        d_inputs = backprop_shim(
            ArgsKwargs(
                args=([y for y, _ in pairs],),
                kwargs={"grad_tensors": [dy.to(y.dtype) for y, dy in pairs]},
            )
        )
        d_flat = torch2xp(d_inputs.args[0])
        ends = np.cumsum(lengths)[:-1].tolist()
        return backprop_tok2vec(model.ops.xp.split(d_flat, ends))

    return tuple(y.detach() for y in outputs), backprop


def _read(model: Model, docs: list[Doc]) -> Any:
    read_docs = model.attrs["read_docs"]
    return None if read_docs is None else read_docs(docs)


def predict_documents(model: Model, docs: list[Doc]) -> list[np.ndarray]:
    """Run a model that has one row per document in each of its outputs.

    Documents without tokens do not pass through the token-to-vector layer (a listener has nothing
    to say about a batch of them), only through the module.

    RETURNS (list): The outputs, shape (documents, …).
    """
    filled = [i for i, doc in enumerate(docs) if len(doc)]
    empty = [i for i, doc in enumerate(docs) if not len(doc)]
    if not docs:
        return []
    parts: list[tuple[list[int], Tensors]] = []
    if filled:
        parts.append((filled, model.predict([docs[i] for i in filled])))
    if empty:
        parts.append((empty, _predict_empty(model, [docs[i] for i in empty])))
    rows = np.argsort(np.concatenate([part for part, _ in parts]))
    outputs = zip(*(part for _, part in parts), strict=True)
    return [torch.cat(tensors).cpu().numpy()[rows] for tensors in outputs]


def _predict_empty(model: Model, docs: list[Doc]) -> Tensors:
    shim = shim_of(model)
    device = next(shim.module.parameters()).device
    nothing = torch.zeros((0, shim.cfg["n_in"]), device=device)
    lengths = np.zeros(len(docs), dtype=np.int64)
    return shim.predict(ArgsKwargs(args=(nothing, lengths, _read(model, docs)), kwargs={}))


def pass_no_gradient(model: Model, docs: list[Doc]) -> None:
    """Answer a listener with a zero gradient and leave the head alone.

    A shared encoder is updated when its last listener answers: it must do so even if the batch
    holds nothing for this head.
    """
    tok2vec = model.get_ref("tok2vec")
    vectors, backprop = tok2vec.begin_update(docs)
    backprop([model.ops.xp.zeros_like(rows) for rows in vectors])
