"""The architecture of `xinzhi_ner`: scores of BIOES tags over token vectors."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from spacy import registry
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..ranges import check_head_settings
from . import bioes
from .crf import ILLEGAL
from .head import torch_head
from .linear import HeadLinear


@registry.architectures("xinzhi.TokenTagger.v1")
def TokenTagger_v1(
    tok2vec: Model[list[Doc], list[Floats2d]],
    decoder: Literal["crf", "viterbi"] = "crf",
    hidden_width: int = 128,
    depth: int = 0,
    dropout: float = 0.1,
) -> Model[list[Doc], tuple[torch.Tensor, ...]]:
    """Score BIOES tags for every token.

    tok2vec (Model): One vector per token, e.g. a listener.
    decoder (str): "crf" learns which label follows which, and is trained on the likelihood of whole
        sequences; "viterbi" trains independent token decisions, of which the best legal sequence is
        taken.
    hidden_width (int): Width of the hidden layers.
    depth (int): Number of hidden layers; each sees its neighbours on both sides. 0 puts the output
        directly on the token vectors.
    dropout (float): Dropout before every layer in training.
    RETURNS (Model): Documents to tag scores in flat order (tokens, tags) and transition scores
        (tags + 1, tags + 1).
    RAISES (XinzhiError): If a setting is out of range.
    """
    name = "xinzhi.TokenTagger.v1"
    check_head_settings(
        name, hidden_width=hidden_width, least_width=1, depth=depth, dropout=dropout
    )
    build = partial(
        TagScorer,
        hidden_width=hidden_width,
        depth=depth,
        dropout=dropout,
        learn_transitions=decoder == "crf",
    )
    model = torch_head("xinzhi_token_tagger", tok2vec, build)
    model.attrs["decoder"] = decoder
    return model


class WindowLayer(torch.nn.Module):
    """A hidden layer that sees each token and its two neighbours in the same document."""

    def __init__(self, n_in: int, n_out: int, dropout: float) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        self.linear = HeadLinear(3 * n_in, n_out)
        self.norm = torch.nn.LayerNorm(n_out)

    def forward(self, X: torch.Tensor, first: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """first, last (Tensor): Booleans, shape (tokens, 1): the edges of the documents."""
        X = self.dropout(X)
        left = X.roll(1, 0).masked_fill(first, 0.0)
        right = X.roll(-1, 0).masked_fill(last, 0.0)
        Y = torch.nn.functional.gelu(self.linear(torch.cat([left, X, right], -1)))
        return self.norm(Y + X if Y.shape == X.shape else Y)


class TagScorer(torch.nn.Module):
    """Token vectors to tag scores; `n_out` is the number of labels."""

    illegal: torch.Tensor

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        hidden_width: int,
        depth: int,
        dropout: float,
        learn_transitions: bool,
    ) -> None:
        super().__init__()
        widths = [n_in] + [hidden_width] * depth
        self.hidden = torch.nn.ModuleList(WindowLayer(a, b, dropout) for a, b in pairwise(widths))
        self.dropout = torch.nn.Dropout(dropout)
        self.output = HeadLinear(widths[-1], bioes.n_tags(n_out))
        transitions = torch.zeros(bioes.n_tags(n_out) + 1, bioes.n_tags(n_out) + 1)
        self.transitions = torch.nn.Parameter(transitions, requires_grad=learn_transitions)
        illegal = torch.as_tensor(~bioes.legal_transitions(n_out))
        self.register_buffer("illegal", illegal, persistent=False)

    def forward(
        self, vectors: torch.Tensor, lengths: np.ndarray, _: None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """RETURNS (tuple): Tag scores (tokens, tags), transition scores (tags + 1, tags + 1)."""
        X = vectors
        if len(self.hidden):
            first = torch.zeros((len(X), 1), dtype=torch.bool, device=X.device)
            ends = np.cumsum(lengths[lengths > 0])
            last = first.index_fill(0, torch.as_tensor(ends - 1, device=X.device), True)
            first = last.roll(1, 0)
            for layer in self.hidden:
                X = layer(X, first, last)
        transitions = self.transitions.masked_fill(self.illegal, ILLEGAL)
        return self.output(self.dropout(X)), transitions


def set_prior(module: TagScorer, counts: np.ndarray) -> None:
    """Let the tags start at their frequency in the training data (as in Lin et al. 2017), instead
    of spending the first steps on learning that most tokens are outside entities.

    module (TagScorer): Fresh weights.
    counts (ndarray): How often each tag occurs, shape (tags,).
    """
    share = (counts + 1) / (counts.sum() + len(counts))
    with torch.no_grad():
        module.output.bias.copy_(torch.as_tensor(np.log(share)))


def carry_over(old: TagScorer, new: TagScorer) -> None:
    """Copy the weights of the labels that both modules have (the first ones). A tag of a new label
    begins as rare as the rarest of its kind, so that what was learned holds from the start."""
    n_labels = min((old.output.out_features - 1) // 4, (new.output.out_features - 1) // 4)
    rows_old = _tag_rows(old, n_labels)
    rows_new = _tag_rows(new, n_labels)
    new.hidden.load_state_dict(old.hidden.state_dict())
    size, width = new.output.out_features, (new.output.out_features - 1) // 4
    for prefix in bioes.PREFIXES if n_labels else "":
        known = bioes.tags_of(prefix, (old.output.out_features - 1) // 4)
        new.output.bias[range(size)[bioes.tags_of(prefix, width)]] = old.output.bias[known].min()
    new.output.weight[rows_new[:-1]] = old.output.weight[rows_old[:-1]]
    new.output.bias[rows_new[:-1]] = old.output.bias[rows_old[:-1]]
    new.transitions.data[rows_new[:, None], rows_new] = old.transitions[rows_old[:, None], rows_old]


def _tag_rows(module: TagScorer, n_labels: int) -> torch.Tensor:
    """The numbers of the tags of the first labels, of O, and of the boundary."""
    size = module.output.out_features
    width = (size - 1) // 4
    rows = [bioes.OUTSIDE]
    for prefix in bioes.PREFIXES:
        rows += range(size)[bioes.tags_of(prefix, width)][:n_labels]
    return torch.tensor([*rows, size])
