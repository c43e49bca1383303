"""Adding up gradients: buckets, weights without a gradient, both kinds of layers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from thinc.api import Linear, PyTorchWrapper, chain

from xinzhi.training.distributed.gradients import buckets, exchange, sum_bucket
from xinzhi.training.distributed.group import Group


class Twin(Group):
    """Stands for two processes with the same gradients; `flags` are what the other one has."""

    flags: list[float] | None = None

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.flags is not None and len(tensor) == len(self.flags):
            return tensor + torch.tensor(self.flags)
        return tensor.mul_(2)


def twin(flags: list[float] | None = None) -> Twin:
    group = Twin(0, 2)
    object.__setattr__(group, "flags", flags)
    return group


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1, 1, 1], [[1, 1], [1]]),
        ([5, 1], [[5], [1]]),
        ([1, 5], [[1], [5]]),
        ([2, 1, 1], [[2], [1, 1]]),
    ],
)
def test_buckets(sizes: list[int], expected: list[list[int]]) -> None:
    found = buckets((torch.zeros(size) for size in sizes), size=8)  # two numbers
    assert [[len(tensor) for tensor in bucket] for bucket in found] == expected


def test_a_bucket_has_one_type() -> None:
    tensors = [torch.zeros(1), torch.zeros(1, dtype=torch.float64), torch.zeros(1)]
    assert [len(bucket) for bucket in buckets(tensors)] == [1, 1, 1]


def test_sums_are_written_in_place() -> None:
    weights = torch.arange(6.0).reshape(2, 3)
    tensors = [weights.T, torch.ones(2), torch.tensor(3.0)]  # the first is not contiguous
    sum_bucket(tensors, twin())
    assert weights.tolist() == [[0, 2, 4], [6, 8, 10]]
    assert [tensors[1].tolist(), tensors[2].tolist()] == [[2, 2], 6]


@pytest.fixture
def pipeline() -> Any:
    """A stand-in for a pipeline: a Thinc layer, and a torch layer with two weights."""
    model = chain(Linear(2, 3), PyTorchWrapper(torch.nn.Linear(2, 1)))
    model.initialize()
    pipe = SimpleNamespace(is_trainable=True, model=model, has_gradient=False)
    return SimpleNamespace(pipeline=[("head", pipe)])


def parts(pipeline: Any) -> tuple[Any, Any]:
    thinc, wrapped = pipeline.pipeline[0][1].model.layers
    return thinc, wrapped.shims[0]._model


def test_gradients_of_both_kinds_are_added_up(pipeline: Any) -> None:
    thinc, module = parts(pipeline)
    thinc.inc_grad("W", np.ones((2, 3), dtype="f"))
    module.weight.grad = torch.ones(1, 2)
    exchange(pipeline, [], twin())
    assert (thinc.get_grad("W") == 2).all()
    assert not thinc.has_grad("b")
    assert module.weight.grad.tolist() == [[2, 2]]
    assert module.bias.grad is None
    assert pipeline.pipeline[0][1].has_gradient


def test_a_gradient_that_only_the_other_process_has(pipeline: Any) -> None:
    thinc, module = parts(pipeline)
    module.weight.grad = torch.ones(1, 2)
    exchange(pipeline, [], twin([1, 0, 1, 0, 0]))  # W, b, weight, bias; and the gradient scaler
    assert thinc.get_grad("W").shape == (2, 3)
    assert not thinc.has_grad("b")
    assert module.bias.grad is None
    assert module.weight.grad.tolist() == [[2, 2]]


def test_frozen_components_are_left_alone(pipeline: Any) -> None:
    _, module = parts(pipeline)
    module.weight.grad = torch.ones(1, 2)
    exchange(pipeline, ["head"], twin())
    assert module.weight.grad.tolist() == [[1, 1]]


def test_an_overflow_of_one_process_is_one_of_all(pipeline: Any) -> None:
    scaler = pipeline.pipeline[0][1].model.layers[1].shims[0]._grad_scaler
    assert not scaler.found_inf
    exchange(pipeline, [], twin([0, 0, 0, 0, 1]))
    assert scaler.found_inf
