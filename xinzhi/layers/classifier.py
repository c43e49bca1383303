"""The architecture of `xinzhi_cats`: one output layer per head over a pooled document vector."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import torch
from spacy import registry
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..ranges import check_head_settings
from .head import torch_head
from .linear import HeadLinear
from .pooling import Pooling


@registry.architectures("xinzhi.DocClassifier.v1")
def DocClassifier_v1(
    tok2vec: Model[list[Doc], list[Floats2d]],
    pooling: Literal["mean", "first", "attention"] = "mean",
    hidden_width: int = 0,
    dropout: float = 0.1,
) -> Model[list[Doc], tuple[torch.Tensor, ...]]:
    """Score the labels of any number of heads for every document.

    tok2vec (Model): One vector per token, e.g. a listener.
    pooling (str): "mean" of the token vectors, "first" token, or "attention" (learned weights).
    hidden_width (int): Width of a hidden layer that all heads share; 0 for none.
    dropout (float): Dropout before every layer in training.
    RETURNS (Model): Documents to one tensor of scores per head, shape (documents, labels).
    RAISES (XinzhiError): If a setting is out of range.
    """
    check_head_settings("xinzhi.DocClassifier.v1", hidden_width=hidden_width, dropout=dropout)
    build = partial(DocScorer, pooling=pooling, hidden_width=hidden_width, dropout=dropout)
    return torch_head("xinzhi_doc_classifier", tok2vec, build)


class DocScorer(torch.nn.Module):
    """Token vectors to scores per head; `n_out` holds the number of outputs of each head.

    Every head has its own output layer, so that a batch without annotation for a head leaves its
    weights alone.
    """

    def __init__(
        self, n_in: int, n_out: list[int], *, pooling: str, hidden_width: int, dropout: float
    ) -> None:
        super().__init__()
        self.pooling = Pooling(n_in, pooling)
        self.norm = torch.nn.LayerNorm(n_in)
        self.dropout = torch.nn.Dropout(dropout)
        self.hidden = HeadLinear(n_in, hidden_width) if hidden_width else None
        self.outputs = torch.nn.ModuleList(HeadLinear(hidden_width or n_in, n) for n in n_out)

    def forward(
        self, vectors: torch.Tensor, lengths: np.ndarray, _: None
    ) -> tuple[torch.Tensor, ...]:
        """RETURNS (tuple): Scores of each head, shape (documents, labels)."""
        X = self.dropout(self.norm(self.pooling(vectors, lengths)))
        if self.hidden is not None:
            X = self.dropout(torch.nn.functional.gelu(self.hidden(X)))
        return tuple(output(X) for output in self.outputs)


def carry_over(old: DocScorer, new: DocScorer) -> None:
    """Copy all weights that both modules have: of the first heads, and of their first labels."""
    weights = new.state_dict()
    for name, value in old.state_dict().items():
        if name in weights:
            rows = min(len(value), len(weights[name]))
            weights[name][:rows] = value[:rows]
