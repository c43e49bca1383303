"""What a contender can do. Heavy libraries are imported when a contender is made, not before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..settings import Paths

if TYPE_CHECKING:
    import torch


class Predictor(Protocol):
    """A loaded pipeline.

    trained (bool): Whether its heads have been trained.
    precision (str): The arithmetic its settings ask for, e.g. "fp32", "auto".
    batch_size (int): Documents per batch.
    batch_sizes (tuple): Those to choose the fastest from, before anything is measured.
    """

    trained: bool
    precision: str
    batch_size: int
    batch_sizes: tuple[int, ...]

    @property
    def torch_encoder(self) -> torch.nn.Module:
        """RETURNS (Module): The encoder that predicts; takes ids and mask, has a `config`."""

    def stream(self, texts: Iterable[str]) -> Iterator[Any]:
        """YIELDS (Any): The prediction of each text, computed in batches."""

    def one(self, text: str) -> Any:
        """RETURNS (Any): The prediction of one text on its own."""

    def encode(self, texts: list[str]) -> None:
        """Run only the encoder, on one batch."""

    def lengths(self, texts: list[str]) -> list[int]:
        """RETURNS (list): Word pieces of each text, special ones included."""

    def score(self, corpus: Path) -> dict[str, float | None]:
        """RETURNS (dict): "entities_f1", and the accuracy of each head."""


class Trainer(Protocol):
    """A model in training.

    documents, characters (int): In one epoch.
    batch_size (int): Padded size of a batch, in the unit of its batcher.
    batch_sizes (tuple): Those to choose the fastest from, before anything is measured.
    """

    documents: int
    characters: int
    batch_size: int
    batch_sizes: tuple[int, ...]

    @property
    def torch_encoder(self) -> torch.nn.Module:
        """RETURNS (Module): The Hugging Face encoder."""

    def epoch(self) -> int:
        """Learn every document once. RETURNS (int): Updates."""


@dataclass(frozen=True)
class Contender:
    """One who takes part.

    name (str): In JSON.
    title (str): In tables.
    folder (Callable): The files -> the folder it is loaded from.
    load (Callable): The files -> a Predictor.
    train (Callable): The files and a number of documents -> a Trainer.
    """

    name: str
    title: str
    folder: Callable[[Paths], Path]
    load: Callable[[Paths], Predictor]
    train: Callable[[Paths, int], Trainer]
