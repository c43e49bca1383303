"""A PyTorch shim whose weights are stored as safetensors: loading a pipeline executes no pickle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import load, save
from thinc.api import Optimizer, get_torch_default_device
from thinc.shims import PyTorchShim

from ..errors import XinzhiError
from .adam import step


class SafetensorsShim(PyTorchShim):
    """Hold a torch module for a Thinc model.

    Three things differ from Thinc's own shim: weights are saved as safetensors, the module is built
    by `build(**sizes)` (at initialisation, and again at loading, when the sizes are known), and a
    parameter without a gradient is left alone by the optimizer: no momentum, no weight decay.

    build (Callable): Makes the module from its sizes; must be picklable (a partial is).
    l2 (float): Weight of an L2 penalty on the weight matrices (not on offsets), l2 / 2 * |w|².
    lr_scale (float): Factor on the optimizer's learning rate for all weights of this module.
    mixed_precision (bool): Run under autocast on a CUDA device.
    """

    def __init__(
        self,
        build: Callable[..., torch.nn.Module],
        *,
        l2: float = 0.0,
        lr_scale: float = 1.0,
        mixed_precision: bool = False,
    ) -> None:
        super().__init__(
            None,
            mixed_precision=mixed_precision,
            serialize_model=serialize_module,
            deserialize_model=self._deserialize,
        )
        self.build = build
        self.l2 = l2
        self.lr_scale = lr_scale

    @property
    def module(self) -> torch.nn.Module:
        """RETURNS (torch.nn.Module): The module.

        RAISES (XinzhiError): Before `create` or `from_bytes`.
        """
        if self._model is None:
            raise XinzhiError(
                "A component is used before it has weights.",
                "Call nlp.initialize() first, or load a trained pipeline.",
            )
        return self._model

    def create(self, **sizes: Any) -> None:
        """Build the module with fresh weights.

        sizes: What `build` takes; saved with the weights.
        """
        self.cfg = sizes
        self._model = self.build(**sizes).to(get_torch_default_device())

    def resize(self, carry_over: Callable[[Any, Any], None], **sizes: Any) -> None:
        """Build the module anew with other sizes, keeping trained weights.

        carry_over (Callable): Called with the old and the new module; copies what both share.
        """
        old = self.module
        self.create(**{**self.cfg, **sizes})
        with torch.no_grad():
            carry_over(old, self.module)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Apply and drop the gradients."""
        weights = [((self.id, name), w) for name, w in self.module.named_parameters()]
        for _, weight in weights:
            if self.l2 and weight.ndim > 1 and weight.grad is not None:
                weight.grad += self.l2 * weight.data
        if not self._grad_scaler.found_inf:
            step(optimizer, weights, self.lr_scale)
        self.module.zero_grad(set_to_none=True)
        self._grad_scaler.update()

    def _deserialize(
        self, _module: Any, data: bytes, device: torch.device
    ) -> torch.nn.Module | None:
        if not data:
            return None
        module = self.build(**self.cfg)
        module.load_state_dict(load(data))
        return module.to(device)


def serialize_module(module: torch.nn.Module | None) -> bytes:
    """RETURNS (bytes): The module's weights and buffers as safetensors; empty without a module."""
    if module is None:
        return b""
    return save({name: value.contiguous() for name, value in module.state_dict().items()})
