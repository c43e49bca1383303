"""The forward pass of BERT-like encoders, for prediction only.

The same mathematics as in transformers (`BertModel`, `RobertaModel`, `XLMRobertaModel`), without
what prediction does not need: weights are converted once instead of in every call, the projections
of queries, keys and values are one product, activation and residual sum happen inside the products
(see linear.py), and texts of all lengths share the products without padding to the longest. On one
core with AMX, 64 texts of 64 pieces take 0.75 of the time under autocast, a single text 0.35.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch.nn.functional import layer_norm, pad, scaled_dot_product_attention

from .encoder_batch import Grouping
from .linear import ACTIVATIONS, make_linear

Group = tuple[torch.Tensor, torch.Tensor]  # padded ids and their mask
State = Mapping[str, torch.Tensor]
ShapeAndMask = tuple[tuple[int, ...], torch.Tensor | None]
BERT = "bert"
ROBERTA = ("roberta", "xlm-roberta", "camembert")  # count positions from the padding id
STEP = 16  # keys
LENGTH_STEP = 8  # 16 pads more, 4 makes too many groups
MOST_PIECES = 2048  # of a call; with 4,096 the layers between do not fit into the cache
# So many keys more pay in attention; measured with 12 heads of 32 on one core with AMX, torch 2.13.
MOST_EXTRA_KEYS = {torch.bfloat16: 12, torch.float32: 2}
EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings")


class LayerSettings(NamedTuple):
    """What all layers share."""

    heads: int
    eps: float
    activation: str
    dtype: torch.dtype


class BertRuntime(torch.nn.Module):
    """A BERT-like encoder that only predicts.

    config (dict): The Hugging Face configuration; `supports` says yes to it.
    state (Mapping[str, Tensor]): The Hugging Face weights, of any floating type.
    dtype (torch.dtype): What to compute in. Embeddings and normalisations stay in fp32.
    """

    def __init__(self, config: dict[str, Any], state: State, dtype: torch.dtype) -> None:
        super().__init__()
        self.config = SimpleNamespace(**config)
        self.settings = LayerSettings(
            config["num_attention_heads"], config["layer_norm_eps"], config["hidden_act"], dtype
        )
        self.padding = int(config["pad_token_id"]) if config["model_type"] in ROBERTA else None
        words, positions, types = (state[f"embeddings.{name}.weight"] for name in EMBEDDINGS)
        self._words = words
        self._positions = positions.float() + types[0].float()
        self._norm = _norm(state, "embeddings.LayerNorm")
        prefixes = (f"encoder.layer.{i}." for i in range(config["num_hidden_layers"]))
        self._layers = [_Layer(state, prefix, self.settings) for prefix in prefixes]

    def forward(self, groups: Sequence[Group]) -> torch.Tensor:
        """Encode padded sequences.

        A sequence gets the same vectors whatever it is together with, if it is padded to the same
        length: attention looks at one sequence, and products are computed so that the number of
        rows does not matter (see linear.py).

        groups (Sequence[Group]): Ids and boolean mask, both of shape (rows, longest). Groups in a
            row are computed together, up to `MOST_PIECES` cells.
        RETURNS (Tensor): The last layer's vectors in `dtype`, shape (cells of all groups, width).
        """
        states = [self._encode(call) for call in _calls(groups, MOST_PIECES)]
        return torch.cat(states) if len(states) > 1 else states[0]

    def grouping(self, most: int) -> Grouping:
        """RETURNS (Grouping): How it wants its groups, none with more than `most` pieces."""
        return Grouping(min(most, MOST_PIECES), step=LENGTH_STEP)

    def _encode(self, groups: Sequence[Group]) -> torch.Tensor:
        dtype = self.settings.dtype
        X = torch.cat([self._embed(ids) for ids, _ in groups])
        X = layer_norm(X, X.shape[-1:], *self._norm, self.settings.eps).to(dtype)
        n = len(X)
        X = pad(X, (0, 0, 0, product_rows(n) - n))
        context = torch.zeros_like(X)  # one for all layers; what is beyond the sequences stays 0
        masks = [(ids.shape, _attention_mask(mask, dtype)) for ids, mask in groups]
        for layer in self._layers:
            X = layer(X, masks, context)
        return X[:n]

    def _embed(self, input_ids: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): fp32, shape (rows * longest, width)."""
        words = self._words[input_ids].float()
        return (words + self._positions[self._position_ids(input_ids)]).flatten(0, 1)

    def _position_ids(self, input_ids: torch.Tensor) -> torch.Tensor:
        if self.padding is None:
            return torch.arange(input_ids.shape[1], device=input_ids.device)
        filled = (input_ids != self.padding).long()
        return filled.cumsum(1) * filled + self.padding


class _Layer:
    """Self-attention and feed-forward network (Vaswani et al. 2017), normalised after each sum."""

    def __init__(self, state: State, prefix: str, settings: LayerSettings) -> None:
        self.settings = settings
        three = [f"{prefix}attention.self.{name}" for name in ("query", "key", "value")]
        weight = torch.cat([state[f"{name}.weight"] for name in three])
        bias = torch.cat([state[f"{name}.bias"] for name in three])

        def linear(name: str) -> Any:
            name = prefix + name
            return make_linear(state[f"{name}.weight"], state[f"{name}.bias"], settings.dtype)

        self.project = make_linear(weight, bias, settings.dtype)
        self.merge = linear("attention.output.dense")
        self.attention_norm = _norm(state, f"{prefix}attention.output.LayerNorm")
        self.widen = linear("intermediate.dense")
        self.narrow = linear("output.dense")
        self.output_norm = _norm(state, f"{prefix}output.LayerNorm")

    def __call__(
        self, X: torch.Tensor, masks: Sequence[ShapeAndMask], context: torch.Tensor
    ) -> torch.Tensor:
        width, (heads, eps, activation, _) = X.shape[1:], self.settings
        split = self.project(X).view(len(X), 3 * heads, -1)
        start = 0
        for (rows, longest), mask in masks:
            cells = slice(start, start + rows * longest)
            attended = _attend(split[cells].unflatten(0, (rows, longest)), mask)
            context[cells].view(rows, longest, heads, -1).copy_(attended)
            start = cells.stop
        X = layer_norm(self.merge.add(context, X), width, *self.attention_norm, eps)
        wide = self.widen.activate(X, activation)
        return layer_norm(self.narrow.add(wide, X), width, *self.output_norm, eps)


def _calls(groups: Sequence[Group], limit: int) -> Iterator[list[Group]]:
    """Groups in a row, as many as have at most `limit` cells together; at least one."""
    call: list[Group] = []
    cells = 0
    for group in groups:
        size = group[0].numel()
        if call and cells + size > limit:
            yield call
            call, cells = [], 0
        call.append(group)
        cells += size
    yield call


def product_rows(rows: int) -> int:
    """How many rows to compute a product with.

    oneDNN makes a kernel for every number of rows that it has not seen: about 30 ms for the four
    products of a layer in bf16, as long as a group of texts takes. Texts of all lengths come with a
    new number every time, so it is rounded up: to 16, and above 256 to about a tenth of it.

    RETURNS (int): At least `rows`; a multiple of 16.
    """
    step = max(STEP, 1 << max(0, (rows - 1).bit_length() - 4))
    return -(-rows // step) * step


def _attention_mask(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor | None:
    """Which keys to look at, with as many more as attention shall have beside the sequences.

    torch's fused attention computes keys in steps of 16, and what is left over one by one: 32
    sequences of 62 in bf16 take 1.6 times as long as with 64 keys.

    RETURNS (Tensor | None): Boolean, shape (rows, 1, 1, keys); None if no key is left out.
    """
    missing = -mask.shape[1] % STEP
    if missing > MOST_EXTRA_KEYS.get(dtype, 0):
        missing = 0
    if not missing and mask.all():
        return None
    return pad(mask, (0, missing))[:, None, None, :]


def _attend(split: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Attention of every head.

    split (Tensor): Queries, keys and values, shape (rows, longest, 3 * heads, head width).
    mask (Tensor | None): As from `_attention_mask`.
    RETURNS (Tensor): Shape (rows, longest, heads, head width).
    """
    query, pairs = split.tensor_split([split.shape[2] // 3], dim=2)
    missing = 0 if mask is None else mask.shape[-1] - split.shape[1]
    if missing:
        pairs = pad(pairs, (0, 0, 0, 0, 0, missing))
    key, value = (part.transpose(1, 2) for part in pairs.chunk(2, dim=2))
    context = scaled_dot_product_attention(query.transpose(1, 2), key, value, attn_mask=mask)
    return context.transpose(1, 2)


def _norm(state: State, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    return state[f"{name}.weight"].float(), state[f"{name}.bias"].float()


def supports(config: dict[str, Any], state: State) -> bool:
    """Whether `BertRuntime` computes what the Hugging Face model of this configuration does.

    config (dict): The configuration.
    state (Mapping[str, Tensor]): The weights: they must be exactly those of a plain BERT.
    RETURNS (bool): As said; for anything unusual the Hugging Face model itself has to run.
    """
    usual = (
        config.get("model_type") in (BERT, *ROBERTA)
        and config.get("hidden_act") in ACTIVATIONS
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder", False)
    )
    if not usual:
        return False
    weights = {name for name in state if name.endswith((".weight", ".bias"))}
    return weights == _weight_names(config["num_hidden_layers"])


def _weight_names(layers: int) -> set[str]:
    parts = [f"attention.self.{name}" for name in ("query", "key", "value")]
    parts += ["attention.output.dense", "attention.output.LayerNorm", "intermediate.dense"]
    parts += ["output.dense", "output.LayerNorm"]
    names = {f"embeddings.{name}.weight" for name in EMBEDDINGS}
    modules = ["embeddings.LayerNorm"]
    modules += [f"encoder.layer.{i}.{part}" for i in range(layers) for part in parts]
    return names | {f"{name}.{kind}" for name in modules for kind in ("weight", "bias")}
