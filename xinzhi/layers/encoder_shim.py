"""The torch side of the encoder: forward in groups, weights and tokenizer in one safetensors blob.

The blob is a safetensors file in memory: the weights, and in its metadata the Hugging Face
configuration and the tokenizer. Loading it runs no pickle, reads no other file and opens no socket.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors.torch import load, save
from spacy.errors import Errors
from thinc.api import Optimizer, PyTorchGradScaler, PyTorchShim
from thinc.util import get_torch_default_device
from torch.utils.checkpoint import checkpoint

from ..encoders.loading import build_transformer, config_dict
from ..encoders.precision import autocast_dtype
from ..encoders.tokenizer import PieceTokenizer
from ..errors import XinzhiError
from .adam import Weight, step
from .attention import fast_attention
from .freezing import LayerPolicy, depths

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FORMAT = "xinzhi-encoder-1"
MAX_RANK = 8


class TorchEncoder(torch.nn.Module):
    """Runs padded groups through a transformer and picks rows.

    transformer (PreTrainedModel): The Hugging Face encoder.
    rank_vectors (bool): Add a learned vector for the rank of a token within its piece.
    train_precision, predict_precision (str): See `encoders.precision`.
    """

    def __init__(
        self,
        transformer: PreTrainedModel,
        rank_vectors: bool,
        train_precision: str,
        predict_precision: str,
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.train_precision = train_precision
        self.predict_precision = predict_precision
        width = transformer.config.hidden_size
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.ranks = torch.nn.Embedding(MAX_RANK, width) if rank_vectors else None
        if self.ranks is not None:
            torch.nn.init.zeros_(self.ranks.weight)

    def forward(
        self,
        groups: list[tuple[torch.Tensor, torch.Tensor]],
        rows: torch.Tensor,
        ranks: torch.Tensor,
    ) -> torch.Tensor:
        """RETURNS (Tensor): float32 vectors, shape (len(rows), width).

        In training, several groups (a document longer than one group) are computed again in the
        backward pass, so that the activations of one group at a time are in memory.
        """
        if not groups:
            return self.mean.new_zeros((0, len(self.mean)))
        precision = self.train_precision if self.training else self.predict_precision
        device = rows.device.type
        dtype = autocast_dtype(precision, device)
        with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
            if self.training and len(groups) > 1:
                states = [checkpoint(self._states, *group, use_reentrant=False) for group in groups]
            else:
                states = [self._states(*group) for group in groups]
        picked = torch.cat(states).float().index_select(0, rows)
        picked = (picked - self.mean) * self.scale
        if self.ranks is not None:
            picked = picked + self.ranks(ranks.clamp(max=MAX_RANK - 1))
        return picked

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): The last layer's vectors, shape (rows * longest, width)."""
        with fast_attention(self.training, ids.device.type):
            output = self.transformer(input_ids=ids, attention_mask=mask)
        return cast(torch.Tensor, output.last_hidden_state.flatten(0, 1))

    def standardise(self, vectors: torch.Tensor) -> None:
        """Shift and scale the output so that these vectors have mean 0 and variance 1.

        Sentence encoders put most of a token's length into one direction that all tokens share
        (on multilingual-e5-small the mean cosine of two tokens is 0.73, the standard deviation of a
        feature 0.13). Fresh heads then learn that direction first, and push the encoder along it.

        vectors (Tensor): Output of this module for a sample, shape (n, width).
        """
        self.mean.copy_(vectors.mean(0))
        self.scale.copy_(1.0 / vectors.std(0).clamp(min=1e-3))


class EncoderShim(PyTorchShim):
    """Thinc's hold on a TorchEncoder and its tokenizer.

    train_precision, predict_precision (str): See `encoders.precision`.
    lr_scale (float): The transformer learns at this multiple of the optimizer's rate.
    layers (LayerPolicy): Which of its layers learn, and how fast.
    """

    def __init__(
        self,
        train_precision: str,
        predict_precision: str,
        lr_scale: float,
        layers: LayerPolicy,
    ) -> None:
        scale = train_precision == "fp16" and get_torch_default_device().type == "cuda"
        super().__init__(None, grad_scaler=PyTorchGradScaler(enabled=scale))
        self.train_precision = train_precision
        self.predict_precision = predict_precision
        self.lr_scale = lr_scale
        self.layers = layers
        self._tokenizer: PieceTokenizer | None = None
        self.max_pieces = 0

    @property
    def has_encoder(self) -> bool:
        return self._tokenizer is not None

    @property
    def tokenizer(self) -> PieceTokenizer:
        if self._tokenizer is None:
            raise ValueError(Errors.E109.format(name="transformer"))
        return self._tokenizer

    @property
    def module(self) -> TorchEncoder:
        return cast(TorchEncoder, self._model)

    @property
    def transformer(self) -> PreTrainedModel:
        return self.module.transformer

    def set_encoder(
        self,
        transformer: PreTrainedModel,
        tokenizer: PieceTokenizer,
        longest: int,
        rank_vectors: bool,
    ) -> None:
        """Take a loaded encoder and move it to the device in use."""
        self._tokenizer = tokenizer
        self.max_pieces = longest
        module = TorchEncoder(
            transformer, rank_vectors, self.train_precision, self.predict_precision
        )
        self._model = module.to(get_torch_default_device())
        self._freeze(0)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Step every weight that has a gradient; the transformer's at `lr_scale`."""
        if not self._grad_scaler.found_inf:
            for weights, scale in self._weights_by_rate():
                step(optimizer, weights, scale)
        self._model.zero_grad(set_to_none=True)
        self._grad_scaler.update()
        counts = (n for (owner, _), n in optimizer.nr_update.items() if owner == self.id)
        self._freeze(max(counts, default=0))

    def _weights_by_rate(self) -> list[tuple[list[Weight], float]]:
        """RETURNS (list): Weights with the factor on their learning rate."""
        found = depths(name for name, _ in self.transformer.named_parameters())
        top = max(found.values())
        groups: dict[float, list[Weight]] = {}
        for name, weight in self._model.named_parameters():
            depth = found.get(name.removeprefix("transformer."))
            rate = 1.0 if depth is None else self.lr_scale * self.layers.rate(depth, top)
            groups.setdefault(rate, []).append(((self.id, name), weight))
        return [(weights, rate) for rate, weights in groups.items()]

    def _freeze(self, updates: int) -> None:
        """Have the layers learn that should after so many updates, and no others."""
        named = dict(self.transformer.named_parameters())
        found, first = depths(named), self.layers.first_learning(updates)
        if first > (top := max(found.values())):
            raise XinzhiError(
                f"xinzhi.Encoder.v1: frozen_layers = {self.layers.frozen_layers}, and the encoder "
                f"has {top} layers.",
                f"Set frozen_layers to less than {top}; to freeze the whole encoder, name it in "
                "[training] frozen_components and annotating_components.",
            )
        for name, depth in found.items():
            named[name].requires_grad_(depth >= first)

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): A safetensors file with configuration and tokenizer in its metadata."""
        if not self.has_encoder:
            return b""
        metadata = {
            "format": FORMAT,
            "config": json.dumps(config_dict(self.transformer), ensure_ascii=False),
            "tokenizer": self.tokenizer.json,
            "pad_id": str(self.tokenizer.pad_id),
            "max_pieces": str(self.max_pieces),
        }
        state = {k: v.detach().cpu().contiguous() for k, v in self._model.state_dict().items()}
        return save(state, metadata=metadata)

    def from_bytes(self, bytes_data: bytes) -> EncoderShim:
        """Rebuild transformer and tokenizer from `to_bytes`."""
        if not bytes_data:
            return self
        metadata = read_metadata(bytes_data)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"Unknown encoder format {metadata.get('format')!r}, not {FORMAT!r}")
        state = load(bytes_data)
        self.set_encoder(
            build_transformer(json.loads(metadata["config"])),
            PieceTokenizer(metadata["tokenizer"], int(metadata["pad_id"])),
            int(metadata["max_pieces"]),
            rank_vectors="ranks.weight" in state,
        )
        self._model.load_state_dict(state)
        self._grad_scaler.to_(self.device)
        return self


def read_metadata(blob: bytes) -> dict[str, Any]:
    """The metadata of a safetensors file: 8 bytes of header size, then a JSON header.

    Source: the format description in the safetensors documentation.
    """
    (size,) = struct.unpack_from("<Q", blob)
    return json.loads(blob[8 : 8 + size])["__metadata__"]
