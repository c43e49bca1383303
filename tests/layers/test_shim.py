from __future__ import annotations

import copy
import pickle
from functools import partial

import pytest
import torch
from thinc.api import Adam, ArgsKwargs

from xinzhi.errors import XinzhiError
from xinzhi.layers.shim import SafetensorsShim


class Two(torch.nn.Module):
    """Two linear layers of which a call can use one."""

    def __init__(self, n_in, n_out, bias=True):
        super().__init__()
        self.a = torch.nn.Linear(n_in, n_out, bias=bias)
        self.b = torch.nn.Linear(n_in, n_out, bias=bias)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, X):
        return self.a(X)


def make(**settings):
    shim = SafetensorsShim(partial(Two, bias=True), **settings)
    shim.create(n_in=3, n_out=2)
    return shim


def step(shim, optimizer):
    Y, backprop = shim.begin_update(ArgsKwargs(args=(torch.ones(1, 3),), kwargs={}))
    backprop(ArgsKwargs(args=([Y],), kwargs={"grad_tensors": [torch.ones_like(Y)]}))
    shim.finish_update(optimizer)


def state(shim):
    return {key: value.clone() for key, value in shim.module.state_dict().items()}


def test_bytes_round_trip_with_other_sizes():
    shim, fresh = make(), SafetensorsShim(partial(Two, bias=True))
    data = shim.to_bytes()
    assert b"torch" not in data
    fresh.from_bytes(data)
    assert fresh.cfg == {"n_in": 3, "n_out": 2}
    assert all(torch.equal(a, state(fresh)[key]) for key, a in state(shim).items())
    fresh.create(n_in=5, n_out=7)
    fresh.from_bytes(data)
    assert fresh.module.a.weight.shape == (2, 3)


def test_an_empty_shim_round_trips():
    empty = SafetensorsShim(Two)
    assert SafetensorsShim(Two).from_bytes(empty.to_bytes())._model is None
    with pytest.raises(XinzhiError, match="before it has weights"):
        _ = empty.module


def test_weights_without_gradient_are_left_alone():
    shim, optimizer = make(l2=0.1), Adam(0.1, L2=0.1)
    step(shim, optimizer)
    before = state(shim)
    step(shim, optimizer)
    after = state(shim)
    assert torch.equal(before["b.weight"], after["b.weight"])
    assert not torch.equal(before["a.weight"], after["a.weight"])
    shim.finish_update(optimizer)
    assert all(torch.equal(value, state(shim)[key]) for key, value in after.items())


def test_learning_rate_scale():
    moved = []
    for scale in (1.0, 0.1):
        torch.manual_seed(0)
        shim = make(lr_scale=scale)
        before = state(shim)["a.weight"]
        step(shim, Adam(0.01))
        moved.append(float((state(shim)["a.weight"] - before).abs().mean()))
    assert moved[1] == pytest.approx(0.1 * moved[0], rel=1e-3)


def test_resize_and_copies():
    shim = make()

    def keep_first_row(old, new):
        new.a.weight[0] = old.a.weight[0]

    before = state(shim)["a.weight"]
    shim.resize(keep_first_row, n_out=4)
    assert shim.module.a.weight.shape == (4, 3)
    assert torch.equal(shim.module.a.weight[0], before[0])
    assert shim.module.a.weight.requires_grad
    for again in (copy.deepcopy(shim), pickle.loads(pickle.dumps(shim))):
        assert torch.equal(again.module.a.weight, shim.module.a.weight)
        assert again.from_bytes(shim.to_bytes()).module.a.weight.shape == (4, 3)
