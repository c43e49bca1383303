"""Linear layers for prediction, in the form in which a CPU multiplies fastest."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Protocol

import torch
from torch.nn import functional as F

GELU = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
ACTIVATIONS = (*GELU, "relu")
BLOCK, ENOUGH = 32, 512  # rows, see `rounds_by_rows`
FEW_FEATURES = 512
# torch and oneDNN keep the code that they make for a product of each size, in two caches of 1,024
# entries of about 0.2 MB: a stream of texts of all lengths fills half a gigabyte with it. They ask
# the environment for another number before their first product.
for _name in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
    os.environ.setdefault(_name, "256")


class Linear(Protocol):
    """y = W x + b, alone or together with what follows it."""

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): y."""

    def activate(self, X: torch.Tensor, activation: str) -> torch.Tensor:
        """RETURNS (Tensor): y after one of `ACTIVATIONS`."""

    def add(self, X: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): y + residual."""


class PlainLinear:
    """torch's own operations; shares the weights it is given if they have the right type."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> None:
        self.weight, self.bias = weight.to(dtype), bias.to(dtype)

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        return F.linear(X, self.weight, self.bias)

    def activate(self, X: torch.Tensor, activation: str) -> torch.Tensor:
        Y = self(X)
        return F.relu(Y) if activation == "relu" else F.gelu(Y, approximate=GELU[activation])

    def add(self, X: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        return self(X) + residual


class PackedLinear:
    """Weights in oneDNN's own layout, the activation or the sum computed in the same pass.

    These are the operations that torch.compile generates for a CPU; nothing is compiled here.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype).contiguous())
        self.bias = bias.to(dtype)
        self._kind = (*weight.shape, dtype)

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        return self._run(X, "none", "")

    def activate(self, X: torch.Tensor, activation: str) -> torch.Tensor:
        if activation == "relu":
            return self._run(X, "relu", "")
        return self._run(X, "gelu", GELU[activation])

    def add(self, X: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        if BLOCK < len(X) < ENOUGH and rounds_by_rows(*self._kind):
            blocks = zip(X.split(BLOCK), residual.split(BLOCK), strict=True)
            return torch.cat([self.add_whole(x, r) for x, r in blocks])
        return self.add_whole(X, residual)

    def add_whole(self, X: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): y + residual, as one product however few rows there are."""
        return torch.ops.mkldnn._linear_pointwise.binary(X, residual, self.weight, self.bias, "add")

    def _run(self, X: torch.Tensor, activation: str, algorithm: str) -> torch.Tensor:
        scalars: list[Any] = []
        return torch.ops.mkldnn._linear_pointwise(
            X, self.weight, self.bias, activation, scalars, algorithm
        )


def make_linear(weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> Linear:
    """Choose the form: packed where torch has it, plain elsewhere.

    weight (Tensor): Shape (out, in), any floating type.
    bias (Tensor): Shape (out,).
    dtype (torch.dtype): What to compute in.
    RETURNS (Linear): The layer.
    """
    if weight.device.type == "cpu" and can_pack(dtype):
        return PackedLinear(weight, bias, dtype)
    return PlainLinear(weight, bias, dtype)


class HeadLinear(torch.nn.Linear):
    """The linear layer of a head. A CPU predicts it in double precision, so that after rounding a
    row does not depend on which other rows there are; heads are small."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        if self.training or X.device.type != "cpu":
            return super().forward(X)
        return F.linear(X.double(), self.weight.double(), self.bias.double()).to(X.dtype)


@cache
def rounds_by_rows(n_out: int, n_in: int, dtype: torch.dtype) -> bool:
    """Whether a row of a product depends on how many rows there are, and blocks of rows help.

    oneDNN chooses in which order it sums the products in bf16, by the number of rows. With 1,536
    features that changes between 32 and 512 rows (AMX, torch 2.13): a text would get other vectors
    alone than in a batch.

    RETURNS (bool): As said, from a trial. fp32 and up to 512 features do not depend on it.
    """
    if dtype == torch.float32 or n_in <= FEW_FEATURES:
        return False
    chance = torch.Generator().manual_seed(0)
    X = torch.randn(ENOUGH, n_in, generator=chance).to(dtype)
    weight = torch.randn(n_out, n_in, generator=chance) / n_in**0.5
    layer = PackedLinear(weight, weight[:, 0], dtype)
    with torch.inference_mode():
        residual = layer(X)
        whole = layer.add_whole(X, residual)
        few, more = (
            layer.add_whole(X[:n], residual[:n]).equal(whole[:n]) for n in (BLOCK, 8 * BLOCK)
        )
    return few and not more


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """RETURNS (bool): Whether this torch has the packed operations for a type on this CPU.

    They are torch's own, but not part of its documented interface: a small product is tried.
    """
    weight, X = torch.ones(16, 16, dtype=dtype), torch.ones(2, 16, dtype=dtype)
    try:
        with torch.inference_mode():
            layer = PackedLinear(weight, weight[0], dtype)
            results = layer(X), layer.activate(X, "gelu"), layer.add(X, X)
    except (AttributeError, RuntimeError, NotImplementedError, TypeError):
        return False
    expected = (17.0, 17.0, 18.0)
    return all(bool(Y.eq(y).all()) for Y, y in zip(results, expected, strict=True))
