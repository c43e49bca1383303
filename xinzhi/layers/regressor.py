"""The architectures of `xinzhi_score`: real-valued outputs of a document."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import torch
from spacy import registry
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import XinzhiError
from ..ranges import MAX_DROPOUT, check_head_settings, check_range
from .classifier import DocScorer
from .head import torch_head
from .linear import HeadLinear
from .pooling import document_index


@registry.architectures("xinzhi.DocRegressor.v1")
def DocRegressor_v1(
    tok2vec: Model[list[Doc], list[Floats2d]],
    pooling: Literal["mean", "first", "attention"] = "mean",
    hidden_width: int = 0,
    dropout: float = 0.1,
    l2: float = 0.0,
) -> Model[list[Doc], tuple[torch.Tensor, ...]]:
    """Predict real values from a pooled document vector.

    tok2vec (Model): One vector per token, e.g. a listener.
    pooling (str): "mean" of the token vectors, "first" token, or "attention" (learned weights).
    hidden_width (int): Width of a hidden layer that all values share; 0 for none.
    dropout (float): Dropout before every layer in training.
    l2 (float): Weight of an L2 penalty on the weights.
    RETURNS (Model): Documents to one tensor per value, shape (documents, 1).
    RAISES (XinzhiError): If a setting is out of range.
    """
    name = "xinzhi.DocRegressor.v1"
    check_head_settings(name, hidden_width=hidden_width, dropout=dropout)
    check_range(f"{name}: l2", l2, 0.0)
    build = partial(DocScorer, pooling=pooling, hidden_width=hidden_width, dropout=dropout)
    return torch_head("xinzhi_doc_regressor", tok2vec, build, l2=l2)


@registry.architectures("xinzhi.InteractionRegressor.v1")
def InteractionRegressor_v1(
    tok2vec: Model[list[Doc], list[Floats2d]],
    resources: list[str],
    technologies: list[str],
    dropout: float = 0.0,
    l2: float = 0.01,
) -> Model[list[Doc], tuple[torch.Tensor, ...]]:
    """The productivity model f(R, T) = w · (R ∘ T) + b.

    R and T are the mean vectors of all tokens in entities of two label sets; ∘ multiplies element
    by element. A document without an entity of one of the sets gets a constant of its own, learned
    from such documents: their mean value in training, or the mean of all if there were none.

    tok2vec (Model): One vector per token, e.g. a listener.
    resources (list): Entity labels of R.
    technologies (list): Entity labels of T.
    dropout (float): Dropout on R ∘ T in training.
    l2 (float): Weight of an L2 penalty on w.
    RETURNS (Model): Documents to one tensor per value, shape (documents, 1). The entities are read
        from `doc.ents`, so an earlier component must set them.
    RAISES (XinzhiError): If a setting is out of range, or a label set is empty.
    """
    check_range("xinzhi.InteractionRegressor.v1: dropout", dropout, 0.0, MAX_DROPOUT)
    check_range("xinzhi.InteractionRegressor.v1: l2", l2, 0.0)
    for name, labels in (("resources", resources), ("technologies", technologies)):
        if not labels:
            raise XinzhiError(
                f"xinzhi.InteractionRegressor.v1: {name} is empty.", "List entity labels."
            )
    read_docs = partial(entity_masks, label_sets=(tuple(resources), tuple(technologies)))
    build = partial(InteractionScorer, dropout=dropout)
    return torch_head("xinzhi_interaction_regressor", tok2vec, build, read_docs, l2=l2)


def entity_masks(docs: list[Doc], label_sets: tuple[tuple[str, ...], ...]) -> np.ndarray:
    """Mark the tokens in entities of each label set.

    docs (list): Documents with entities.
    label_sets (tuple): Entity labels.
    RETURNS (ndarray): Booleans, shape (label sets, tokens), documents one after the other.
    """
    starts = np.cumsum([0, *map(len, docs)])
    masks = np.zeros((len(label_sets), starts[-1]), dtype=bool)
    for doc, start in zip(docs, starts[:-1].tolist(), strict=True):
        for ent in doc.ents:
            for mask, labels in zip(masks, label_sets, strict=True):
                if ent.label_ in labels:
                    mask[start + ent.start : start + ent.end] = True
    return masks


class InteractionScorer(torch.nn.Module):
    """Token vectors and entity masks to values; `n_out` has a 1 for each of them."""

    def __init__(self, n_in: int, n_out: list[int], *, dropout: float) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        self.outputs = torch.nn.ModuleList(HeadLinear(n_in, 1) for _ in n_out)
        self.without = torch.nn.ParameterList(torch.nn.Parameter(torch.zeros(1)) for _ in n_out)

    def forward(
        self, vectors: torch.Tensor, lengths: np.ndarray, masks: np.ndarray
    ) -> tuple[torch.Tensor, ...]:
        """RETURNS (tuple): Values, shape (documents, 1) each."""
        docs = document_index(lengths, vectors.device)
        pooled, complete = [], torch.ones((len(lengths), 1), device=vectors.device)
        for mask in torch.as_tensor(masks, device=vectors.device):
            weights = mask.to(vectors.dtype).unsqueeze(1)
            sums = vectors.new_zeros((len(lengths), vectors.shape[1] + 1))
            sums = sums.index_add(0, docs, torch.cat([vectors * weights, weights], 1))
            pooled.append(sums[:, :-1] / sums[:, -1:].clamp(min=1))
            complete = complete * (sums[:, -1:] > 0)
        product = self.dropout(pooled[0] * pooled[1])
        return tuple(
            output(product) * complete + without * (1 - complete)
            for output, without in zip(self.outputs, self.without, strict=True)
        )
