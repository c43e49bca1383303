"""Sentence vectors: the mean of an encoder's last layer, of length 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ...encoders.loading import build_transformer, config_dict, load_encoder
from ...encoders.precision import autocast_dtype
from ...encoders.tokenizer import PieceTokenizer
from ...errors import XinzhiError
from ...layers.encoder_runtime import make_runtime
from ...layers.encoder_store import TRANSFORMER, StoredEncoder

PREFIX = "query: "  # what e5 was trained with; harmless for others
PIECES = 4096  # padded pieces at a time
LONGEST = 128


class Encodes(Protocol):
    """Anything that gives one vector per text."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """RETURNS (ndarray): float32 vectors of length 1, shape (len(texts), width)."""


class Embedder:
    """An encoder that gives one vector per text.

    stored (StoredEncoder): The encoder.
    """

    def __init__(self, stored: StoredEncoder) -> None:
        self.stored = stored
        self._tokenizer = PieceTokenizer(stored.tokenizer, stored.pad_id)
        dtype = autocast_dtype("auto", "cpu") or torch.float32
        state = stored.transformer_state
        self._runtime = make_runtime(stored.config, state, dtype, lambda: transformer_of(stored))
        self.width = int(stored.config["hidden_size"])

    @classmethod
    def load(cls, name: str) -> Embedder:
        """Load an encoder.

        name (str): A folder, a registered source, a hub name, or a file made by `save`.
        RETURNS (Embedder): The embedder.
        RAISES (XinzhiError): If there is none, or it is damaged.
        """
        path = Path(name)
        if path.is_file():
            try:
                return cls(StoredEncoder.from_bytes(path.read_bytes()))
            except (ValueError, KeyError) as err:
                raise XinzhiError(f"{path} is damaged: {err}", "Build the index anew.") from err
        loaded = load_encoder(name)
        state = {TRANSFORMER + k: v for k, v in loaded.transformer.state_dict().items()}
        config = config_dict(loaded.transformer)
        stored = (config, loaded.tokenizer_json, loaded.pad_id, loaded.max_pieces, state)
        return cls(StoredEncoder(*stored))

    def rounded(self) -> Embedder:
        """RETURNS (Embedder): With the weights as `save` keeps them."""
        return Embedder(StoredEncoder.from_bytes(self.stored.to_bytes("fp16")))

    def save(self, path: Path) -> None:
        """Write the encoder as one file, its weights in half precision."""
        path.write_bytes(self.stored.to_bytes("fp16"))

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts, sorted by length in batches.

        texts (Sequence[str]): The texts; what is beyond `LONGEST` pieces is left out.
        RETURNS (ndarray): float32 vectors of length 1, shape (len(texts), width).
        """
        vectors = np.zeros((len(texts), self.width), dtype="float32")
        for chosen, ids in self.batches(texts, PIECES):
            vectors[chosen] = self._mean(ids)
        return vectors

    def batches(
        self, texts: Sequence[str], size: int
    ) -> Iterator[tuple[list[int], list[list[int]]]]:
        """Texts of similar length, together.

        texts (Sequence[str]): The texts.
        size (int): Pieces of a batch, with padding.
        YIELDS (tuple): The numbers of some texts, and their pieces.
        """
        ids = self.piece_ids(texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        while order:
            chosen = order[-max(1, size // len(ids[order[-1]])) :]
            del order[-len(chosen) :]
            yield chosen, [ids[i] for i in chosen]

    def piece_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """RETURNS (list): The pieces of each text, with prefix and special tokens."""
        tokenizer = self._tokenizer
        special = len(tokenizer.prefix) + len(tokenizer.suffix)
        room = min(LONGEST, self.stored.max_pieces) - special
        pieces = tokenizer.encode([PREFIX + text for text in texts])
        return [[*tokenizer.prefix, *p.ids[:room].tolist(), *tokenizer.suffix] for p in pieces]

    def _mean(self, ids: list[list[int]]) -> np.ndarray:
        padded, mask = pad(ids, self.stored.pad_id)
        with torch.inference_mode():
            states = self._runtime([(padded, mask)]).view(*padded.shape, -1)
            return mean_vectors(states.float(), mask).numpy()


def pad(ids: list[list[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """RETURNS (tuple): Ids and boolean mask, both of shape (rows, longest)."""
    longest = max(map(len, ids))
    padded = torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in ids])
    lengths = torch.tensor([len(row) for row in ids])
    return padded, torch.arange(longest)[None] < lengths[:, None]


def mean_vectors(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean over the pieces of each row, of length 1.

    states (Tensor): Shape (rows, longest, width).
    mask (Tensor): Shape (rows, longest).
    RETURNS (Tensor): Shape (rows, width).
    """
    weights = mask[..., None].to(states.dtype)
    mean = (states * weights).sum(1) / weights.sum(1)
    return torch.nn.functional.normalize(mean, dim=-1)


def transformer_of(stored: StoredEncoder) -> Any:
    """RETURNS (PreTrainedModel): The Hugging Face module, in fp32."""
    transformer = build_transformer(stored.config)
    transformer.load_state_dict(stored.transformer_state, strict=False)
    return transformer.float()
