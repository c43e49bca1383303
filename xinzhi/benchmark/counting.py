"""Counting the word pieces an encoder really computes, padding included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from .flops import PieceCount


class PieceCounter:
    """Adds up the inputs of a torch encoder."""

    def __init__(self) -> None:
        self.count = PieceCount()

    def see(self, module: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        """A forward pre-hook: inputs of shape (rows, longest) and their attention mask, or a list
        of such pairs."""
        ids = kwargs.get("input_ids", args[0] if args else None)
        if isinstance(ids, list):
            for group in ids:
                self._add(*group)
        elif ids is not None:
            self._add(ids, kwargs.get("attention_mask", args[1] if len(args) > 1 else None))

    def _add(self, ids: torch.Tensor, mask: torch.Tensor | None) -> None:
        lengths = torch.ones_like(ids) if mask is None else mask
        self.count += PieceCount.of_lengths(lengths.long().sum(-1).tolist(), ids.numel())


@contextmanager
def counted(encoder: torch.nn.Module) -> Iterator[PieceCounter]:
    """Count what goes through an encoder inside the block.

    encoder (Module): A Hugging Face encoder.
    YIELDS (PieceCounter): Its `count`; no sequences if the encoder's work is done elsewhere (e.g.
        by another runtime).
    """
    counter = PieceCounter()
    handle = encoder.register_forward_pre_hook(counter.see, with_kwargs=True)
    try:
        yield counter
    finally:
        handle.remove()
