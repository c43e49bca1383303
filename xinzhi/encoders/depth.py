"""Fewer layers: an encoder keeps some of its layers and forgets the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ..errors import XinzhiError
from .loading import build_transformer, config_dict

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def choose_layers(layers: int | Sequence[int], depth: int) -> list[int]:
    """Which layers to keep.

    layers (int / Sequence[int]): The number of layers, to be spread evenly, the top one among them
        (of 12, 6 are layers 2, 4, … 12: every second one, as in Sanh et al. 2019, DistilBERT); or
        the layers themselves, 1 being the one next to the input.
    depth (int): How many there are.
    RETURNS (list[int]): The layers, ascending, counted from 1.
    RAISES (XinzhiError): There are no such layers.
    """
    if isinstance(layers, int):
        chosen = [(i + 1) * depth // layers for i in range(layers)]
    else:
        chosen = sorted(set(layers))
    if not chosen or chosen[0] < 1 or chosen[-1] > depth:
        raise XinzhiError(
            f"xinzhi.Encoder.v1: layers = {layers!r}, and the encoder has {depth} layers.",
            f"Set layers to a number from 1 to {depth}, to a list of such numbers, or to null.",
        )
    return chosen


def keep_layers(transformer: PreTrainedModel, layers: int | Sequence[int]) -> None:
    """Remove the other layers of a transformer, in place.

    transformer (PreTrainedModel): Of any family whose layers are all alike.
    layers (int / Sequence[int]): See `choose_layers`.
    RAISES (XinzhiError): There are no such layers, or they cannot be taken apart.
    """
    config = transformer.config
    chosen = choose_layers(layers, config.num_hidden_layers)
    stacks = [
        module
        for module in transformer.modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == config.num_hidden_layers
    ]
    if len(stacks) == 1:
        (stack,) = stacks
        kept = [stack[number - 1] for number in chosen]
        del stack[:]
        stack.extend(kept)
        config.num_hidden_layers = len(kept)
    if len(stacks) != 1 or not _can_be_built(transformer):
        raise XinzhiError(
            f"xinzhi.Encoder.v1: layers = {layers!r}, and an encoder of the family "
            f"'{config.model_type}' cannot be taken apart: its layers are not alike.",
            "Set layers to null, or take an encoder of another family, such as BERT.",
        )


def _can_be_built(transformer: PreTrainedModel) -> bool:
    """Whether its configuration, from which it is loaded later, describes it as it is."""
    with torch.device("meta"):
        built = build_transformer(config_dict(transformer))
    shapes = {name: weight.shape for name, weight in built.state_dict().items()}
    return shapes == {name: weight.shape for name, weight in transformer.state_dict().items()}
