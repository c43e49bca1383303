"""Adding up the gradients of all processes, and starting them with the same weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, cast

import torch
from spacy.language import Language
from thinc.api import Model, xp2torch
from thinc.types import FloatsXd

from ..weights import named_weights, torch_shims, torch_weights, trainable_pipes
from .group import Group

BUCKET = 32 << 20  # bytes that go out at a time: few calls, and little memory beside the gradients


class Gradient(Protocol):
    """Where the gradient of a weight is kept."""

    def read(self) -> torch.Tensor | None:
        """RETURNS (Tensor): It, in the memory that the optimizer reads; None if there is none."""

    def zeros(self) -> torch.Tensor:
        """RETURNS (Tensor): As `read`, for a weight that had no gradient."""


class TorchGradient:
    """The gradient of a torch parameter."""

    def __init__(self, weight: torch.nn.Parameter) -> None:
        self.weight = weight

    def read(self) -> torch.Tensor | None:
        return self.weight.grad

    def zeros(self) -> torch.Tensor:
        self.weight.grad = torch.zeros_like(self.weight)
        return self.weight.grad


class ThincGradient:
    """The gradient of a weight of a Thinc layer."""

    def __init__(self, node: Model, name: str) -> None:
        self.node = node
        self.name = name

    def read(self) -> torch.Tensor | None:
        if not self.node.has_grad(self.name):
            return None
        gradient = self.node.get_grad(self.name)
        return xp2torch(gradient, device=array_device(gradient))

    def zeros(self) -> torch.Tensor:
        shape = self.node.get_param(self.name).shape
        self.node.set_grad(self.name, cast(FloatsXd, self.node.ops.alloc(shape)))
        return cast(torch.Tensor, self.read())


def gradients_of(pipe: Any) -> Iterator[Gradient]:
    """YIELDS (Gradient): Those of all weights of a component, in an order that is the same in every
    process."""
    for node in pipe.model.walk():
        for shim in node.shims:
            yield from (TorchGradient(weight) for _, weight in torch_weights(shim))
        yield from (ThincGradient(node, name) for name in node.param_names if node.has_param(name))


def exchange(nlp: Language, frozen: list[str], group: Group) -> None:
    """Give every process the sum of the gradients of all.

    A weight that got no gradient in one process gets that of the others there, and one that got
    none in any stays without. In fp16, a step is skipped by all if the gradients of one overflowed.

    nlp (Language): The pipeline, after an update.
    frozen (list): Components that training does not change.
    group (Group): The processes.
    """
    pipes = [pipe for _, pipe in trainable_pipes(nlp, frozen)]
    slots = [(pipe, gradient) for pipe in pipes for gradient in gradients_of(pipe)]
    scalers = [shim._grad_scaler for shim in torch_shims(nlp)]
    found = [gradient.read() is not None for _, gradient in slots]
    overflown = [bool(scaler.found_inf) for scaler in scalers]
    flags = group.sum(torch.tensor([*found, *overflown], dtype=torch.float32)).tolist()
    for scaler, flag in zip(scalers, flags[len(slots) :], strict=True):
        scaler._found_inf = bool(flag)
    tensors = []
    for (pipe, gradient), flag in zip(slots, flags, strict=False):
        if flag:
            own = gradient.read()
            tensors.append(gradient.zeros() if own is None else own)
            if hasattr(pipe, "has_gradient"):
                pipe.has_gradient = True
    for bucket in buckets(tensors):
        sum_bucket(bucket, group)


def buckets(tensors: Iterable[torch.Tensor], size: int = BUCKET) -> Iterator[list[torch.Tensor]]:
    """Group tensors of one type on one device, in order.

    tensors (Iterable[Tensor]): The tensors.
    size (int): Most bytes of a bucket; a longer tensor is one of its own.
    YIELDS (list[Tensor]): A bucket.
    """
    bucket: list[torch.Tensor] = []
    filled = 0
    for tensor in tensors:
        alike = not bucket or (tensor.dtype, tensor.device) == (bucket[0].dtype, bucket[0].device)
        if bucket and (not alike or filled + tensor.nbytes > size):
            yield bucket
            bucket, filled = [], 0
        bucket.append(tensor)
        filled += tensor.nbytes
    if bucket:
        yield bucket


def sum_bucket(bucket: list[torch.Tensor], group: Group) -> None:
    """Add up the tensors of all processes, in place."""
    if len(bucket) == 1 and bucket[0].is_contiguous():
        group.sum(bucket[0])
        return
    flat = group.sum(torch.cat([tensor.reshape(-1) for tensor in bucket]))
    sums = flat.split([tensor.numel() for tensor in bucket])
    for tensor, value in zip(bucket, sums, strict=True):
        tensor.copy_(value.view_as(tensor))


def copy_weights(nlp: Language, group: Group) -> None:
    """Give every process the weights of the first, buffers of torch modules included."""
    with torch.no_grad():
        for shim in torch_shims(nlp):
            for value in shim._model.state_dict().values():
                group.copy(value)
        for name, _, value in named_weights(nlp):
            if "/torch/" not in name:
                group.copy(xp2torch(value, device=array_device(value)))


def array_device(array: Any) -> torch.device:
    """RETURNS (device): Where torch sees the memory of a NumPy or CuPy array."""
    return (
        torch.device("cuda", array.device.id) if hasattr(array, "toDlpack") else torch.device("cpu")
    )
