"""The saved form of an encoder: one safetensors file, held in memory.

Beside the weights it holds, in its metadata, the Hugging Face configuration and the tokenizer.
Reading it runs no pickle, opens no other file and no socket.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load, save

FORMAT = "xinzhi-encoder-1"
STORES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
TRANSFORMER = "transformer."  # what the names of the Hugging Face weights begin with


@dataclass(frozen=True)
class StoredEncoder:
    """An encoder as it is saved.

    config (dict): The Hugging Face configuration.
    tokenizer (str): The tokenizer, serialised.
    pad_id (int): Id of the padding piece.
    max_pieces (int): Longest input, special tokens included.
    state (dict): Name -> weight, as in the state of `TorchEncoder`.
    """

    config: dict[str, Any]
    tokenizer: str
    pad_id: int
    max_pieces: int
    state: dict[str, torch.Tensor]

    @property
    def transformer_state(self) -> dict[str, torch.Tensor]:
        """RETURNS (dict): The weights of the Hugging Face model, under its own names."""
        return {
            name.removeprefix(TRANSFORMER): weight
            for name, weight in self.state.items()
            if name.startswith(TRANSFORMER)
        }

    def to_bytes(self, store: str) -> bytes:
        """Write the file.

        store (str): Type of the transformer's weights, one of `STORES`. What is not from the
            transformer stays as it is: it is small.
        RETURNS (bytes): The file.
        """
        metadata = {
            "format": FORMAT,
            "config": json.dumps(self.config, ensure_ascii=False),
            "tokenizer": self.tokenizer,
            "pad_id": str(self.pad_id),
            "max_pieces": str(self.max_pieces),
        }
        state = {
            name: round_to(weight.detach(), store) if name.startswith(TRANSFORMER) else weight
            for name, weight in self.state.items()
        }
        state = {name: weight.detach().cpu().contiguous() for name, weight in state.items()}
        return save(state, metadata=metadata)

    @classmethod
    def from_bytes(cls, blob: bytes) -> StoredEncoder:
        """Read the file.

        RAISES (ValueError): If it is of another format.
        """
        metadata = read_metadata(blob)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"Unknown encoder format {metadata.get('format')!r}, not {FORMAT!r}")
        return cls(
            config=json.loads(metadata["config"]),
            tokenizer=metadata["tokenizer"],
            pad_id=int(metadata["pad_id"]),
            max_pieces=int(metadata["max_pieces"]),
            state=load(blob),
        )


def round_to(weight: torch.Tensor, store: str) -> torch.Tensor:
    """RETURNS (Tensor): The weight in the type to store; as it is if a value would not fit."""
    if not weight.is_floating_point():
        return weight
    rounded = weight.to(STORES[store])
    return rounded if bool(rounded.isfinite().all()) else weight


def read_metadata(blob: bytes) -> dict[str, Any]:
    """The metadata of a safetensors file: 8 bytes of header size, then a JSON header.

    Source: the format description in the safetensors documentation.
    """
    (size,) = struct.unpack_from("<Q", blob)
    return json.loads(blob[8 : 8 + size])["__metadata__"]
