"""Thinc's hold on an encoder: its weights as they were read, trained, and run in prediction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import torch
from spacy.errors import Errors
from thinc.api import ArgsKwargs, Optimizer, PyTorchGradScaler, PyTorchShim
from thinc.util import get_torch_default_device

from ..encoders.loading import build_transformer, config_dict
from ..encoders.precision import autocast_dtype
from ..encoders.tokenizer import PieceTokenizer
from ..errors import XinzhiError
from .adam import Weight, step
from .encoder_module import Predictor, TorchEncoder
from .encoder_runtime import make_runtime
from .encoder_store import TRANSFORMER, StoredEncoder
from .freezing import LayerPolicy, depths

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class EncoderShim(PyTorchShim):
    """An encoder in two forms: weights as they were read, and a Hugging Face module.

    The module is built when something asks for it: training does, prediction does not (see
    `encoder_runtime`).

    train_precision, predict_precision (str): See `encoders.precision`.
    lr_scale (float): The transformer learns at this multiple of the optimizer's rate.
    layers (LayerPolicy): Which of its layers learn, and how fast.
    store (str): Type in which the weights are saved, see `encoder_store`.
    """

    def __init__(
        self,
        train_precision: str,
        predict_precision: str,
        lr_scale: float,
        layers: LayerPolicy,
        store: str = "fp32",
    ) -> None:
        self._stored: StoredEncoder | None = None
        self._predictor: Predictor | None = None
        self._predictor_version: tuple[Any, ...] = ()
        scale = train_precision == "fp16" and get_torch_default_device().type == "cuda"
        super().__init__(None, grad_scaler=PyTorchGradScaler(enabled=scale))
        self.train_precision = train_precision
        self.predict_precision = predict_precision
        self.lr_scale = lr_scale
        self.layers = layers
        self.store = store
        self._tokenizer: PieceTokenizer | None = None
        self.max_pieces = 0

    @contextmanager
    def exact(self) -> Iterator[None]:
        """Within this context the weights are saved as they are, whatever `store` says."""
        store, self.store = self.store, "fp32"
        try:
            yield
        finally:
            self.store = store

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled for another process: a predictor is made there anew."""
        return self.__dict__ | {"_predictor": None}

    @property
    def has_encoder(self) -> bool:
        return self._tokenizer is not None

    @property
    def tokenizer(self) -> PieceTokenizer:
        if self._tokenizer is None:
            raise ValueError(Errors.E109.format(name="transformer"))
        return self._tokenizer

    @property
    def _model(self) -> Any:
        """The name under which Thinc knows the module."""
        if self._module is None and self._stored is not None:
            self._build_module(self._stored)
        return self._module

    @_model.setter
    def _model(self, module: TorchEncoder | None) -> None:
        self._module = module

    @property
    def module(self) -> TorchEncoder:
        return cast(TorchEncoder, self._model)

    @property
    def transformer(self) -> PreTrainedModel:
        return self.module.transformer

    @property
    def device(self) -> torch.device:
        if self._module is None:
            return get_torch_default_device()
        return self._module.mean.device

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
        module = TorchEncoder(transformer, rank_vectors, self.train_precision)
        self._module = module.to(get_torch_default_device())
        self._freeze(0)

    def set_policy(self, lr_scale: float, layers: LayerPolicy) -> None:
        """Have the encoder learn at another rate, or other layers, from here on."""
        self.lr_scale, self.layers = lr_scale, layers
        if self.has_encoder:
            self._freeze(0)

    def _build_module(self, stored: StoredEncoder) -> None:
        """Turn the weights as they were read into the module, in fp32."""
        with torch.inference_mode(False):
            self.set_encoder(
                build_transformer(stored.config),
                self.tokenizer,
                stored.max_pieces,
                rank_vectors="ranks.weight" in stored.state,
            )
            self.module.load_state_dict(stored.state)
        self._stored = None
        self._forget_predictor()

    def begin_update(self, inputs: ArgsKwargs) -> Any:
        """Encode for training; the memory of what predicts is given back first."""
        self._forget_predictor()
        return super().begin_update(inputs)

    def predict(self, inputs: ArgsKwargs) -> torch.Tensor:
        """Encode groups in `predict_precision`, with weights converted for it once."""
        predictor = self.predictor
        with torch.inference_mode():
            return predictor(*inputs.args)

    @property
    def predictor(self) -> Predictor:
        """RETURNS (Predictor): What predicts; made anew if the weights have changed."""
        version = (self.predict_precision, self._weights_version())
        if self._predictor is None or self._predictor_version != version:
            if self.device.type != "cpu" and self._stored is not None:
                self._build_module(self._stored)  # on that device
            stored = self._snapshot()
            dtype = autocast_dtype(self.predict_precision, self.device.type) or torch.float32
            runtime = make_runtime(
                stored.config, stored.transformer_state, dtype, lambda: self.transformer
            )
            self._predictor = Predictor(stored, runtime)
            self._predictor_version = (self.predict_precision, self._weights_version())
        return self._predictor

    def _forget_predictor(self) -> None:
        self._predictor = None
        self._predictor_version = ()

    def _weights_version(self) -> tuple[tuple[int, int], ...]:
        """What changes when a weight of the module is replaced, or changed in place."""
        if self._module is None:
            return ()
        tensors = chain(self._module.parameters(), self._module.buffers())
        return tuple((tensor.data_ptr(), tensor._version) for tensor in tensors)

    def _snapshot(self) -> StoredEncoder:
        """RETURNS (StoredEncoder): The encoder as it is now; shares memory with it."""
        if self._stored is not None:
            return self._stored
        return StoredEncoder(
            config=config_dict(self.transformer),
            tokenizer=self.tokenizer.json,
            pad_id=self.tokenizer.pad_id,
            max_pieces=self.max_pieces,
            state=self.module.state_dict(),
        )

    def finish_update(self, optimizer: Optimizer) -> None:
        """Step every weight that has a gradient; the transformer's at `lr_scale`."""
        if not self._grad_scaler.found_inf:
            for weights, scale in self._weights_by_rate():
                step(optimizer, weights, scale)
        self._model.zero_grad(set_to_none=True)
        self._grad_scaler.update()
        self._forget_predictor()
        counts = (n for (owner, _), n in optimizer.nr_update.items() if owner == self.id)
        self._freeze(max(counts, default=0))

    def _weights_by_rate(self) -> list[tuple[list[Weight], float]]:
        """RETURNS (list): Weights with the factor on their learning rate."""
        found = depths(name for name, _ in self.transformer.named_parameters())
        top = max(found.values())
        groups: dict[float, list[Weight]] = {}
        for name, weight in self._model.named_parameters():
            depth = found.get(name.removeprefix(TRANSFORMER))
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
        """RETURNS (bytes): See `encoder_store`; empty before the encoder is there."""
        return self._snapshot().to_bytes(self.store) if self.has_encoder else b""

    def from_bytes(self, bytes_data: bytes) -> EncoderShim:
        """Take weights and tokenizer from `to_bytes`."""
        if not bytes_data:
            return self
        stored = StoredEncoder.from_bytes(bytes_data)
        self._stored, self._module = stored, None
        self._forget_predictor()
        self._tokenizer = PieceTokenizer(stored.tokenizer, stored.pad_id)
        self.max_pieces = stored.max_pieces
        self._grad_scaler.to_(self.device)
        return self
