"""What runs an encoder in prediction: our own forward pass where it applies, else transformers'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch

from .bert_runtime import BertRuntime, Group, State, supports
from .encoder_batch import Grouping

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Group", "Runtime", "TransformerRuntime", "make_runtime"]


GROUP_COST = 64  # a call costs as much as so many pieces, measured on CPU in bf16


class Runtime(Protocol):
    """What runs an encoder. `config` is the Hugging Face configuration."""

    config: Any

    def __call__(self, groups: Sequence[Group]) -> torch.Tensor:
        """As `BertRuntime.forward`."""

    def grouping(self, most: int) -> Grouping:
        """RETURNS (Grouping): How it wants its groups, none with more than `most` pieces."""


class TransformerRuntime(torch.nn.Module):
    """Any Hugging Face encoder, as it is; nothing is copied.

    transformer (PreTrainedModel): The encoder.
    dtype (torch.dtype): What its matrix products are computed in, by autocast.
    """

    def __init__(self, transformer: PreTrainedModel, dtype: torch.dtype) -> None:
        super().__init__()
        self.config = transformer.config
        self.model = transformer
        self.dtype = dtype

    def forward(self, groups: Sequence[Group]) -> torch.Tensor:
        """As `BertRuntime.forward`."""
        self.model.eval()
        return torch.cat([self._states(*group) for group in groups])

    def grouping(self, most: int) -> Grouping:
        """As `BertRuntime.grouping`: a call for each group."""
        return Grouping(most, per_group=GROUP_COST)

    def _states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        lower = self.dtype != torch.float32
        with torch.autocast(input_ids.device.type, dtype=self.dtype, enabled=lower):
            output = self.model(input_ids=input_ids, attention_mask=attention_mask)
        states: torch.Tensor = output.last_hidden_state.flatten(0, 1)
        return states


def make_runtime(
    config: dict[str, Any],
    state: State,
    dtype: torch.dtype,
    build: Callable[[], PreTrainedModel],
) -> Runtime:
    """Choose what runs an encoder.

    config (dict): The Hugging Face configuration.
    state (Mapping[str, Tensor]): The Hugging Face weights.
    dtype (torch.dtype): What to compute in.
    build (Callable): Gives the Hugging Face model, if it is needed.
    RETURNS (Runtime): What runs it.
    """
    on_cpu = all(weight.device.type == "cpu" for weight in state.values())
    if on_cpu and supports(config, state):
        return BertRuntime(config, state, dtype)
    return TransformerRuntime(build(), dtype)
