"""Which layers learn: the rules, and the encoder that follows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from tests.layers.test_encoder import ZH, examples_of, make_nlp, train
from xinzhi.errors import XinzhiError
from xinzhi.layers.freezing import LayerPolicy, depths

MakeEncoder = Callable[..., Path]


@pytest.mark.parametrize(
    ("frozen", "every", "updates", "first"),
    [
        (0, 0, 0, 0),
        (0, 5, 9, 0),
        (2, 0, 0, 3),
        (2, 0, 1000, 3),
        (2, 10, 9, 3),
        (2, 10, 10, 2),
        (2, 10, 29, 1),
        (2, 10, 30, 0),
        (2, 10, 99, 0),
    ],
)
def test_first_learning(frozen, every, updates, first):
    assert LayerPolicy(frozen, every).first_learning(updates) == first


@pytest.mark.parametrize(("decay", "rate"), [(1.0, 1.0), (0.5, 0.125)])
def test_rate(decay, rate):
    policy = LayerPolicy(layer_decay=decay)
    assert policy.rate(4, 4) == 1.0
    assert policy.rate(1, 4) == rate


SMALL = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 11}


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("bert", SMALL | {"intermediate_size": 8}),
        ("roberta", SMALL | {"intermediate_size": 8}),
        ("electra", SMALL | {"intermediate_size": 8}),
        ("distilbert", {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 8, "vocab_size": 11}),
    ],
)
def test_depths_of_hugging_face_encoders(kind, sizes):
    encoder = AutoModel.from_config(AutoConfig.for_model(kind, **sizes))
    found = depths(name for name, _ in encoder.named_parameters())
    assert set(found.values()) == {0, 1, 2}
    assert all(depth == 0 for name, depth in found.items() if "embedding" in name)
    assert all(depth == 2 for name, depth in found.items() if "layer.1." in name)


def states(nlp) -> dict[str, torch.Tensor]:
    encoder = nlp.get_pipe("transformer").model.transformer
    return {name: weight.detach().clone() for name, weight in encoder.named_parameters()}


def changed_depths(before, after) -> set[int]:
    return {d for name, d in depths(before).items() if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize(
    ("every", "steps", "expected"), [(0, 4, {2}), (3, 3, {2}), (3, 4, {1, 2}), (3, 7, {0, 1, 2})]
)
def test_frozen_layers_stay_and_thaw_from_the_top(
    tiny_encoder: MakeEncoder, every: int, steps: int, expected: set[int]
) -> None:
    nlp = make_nlp(tiny_encoder("unigram"), frozen_layers=1, unfreeze_every=every)
    train(nlp, ZH, steps=2)  # a fresh parser's first gradients are zero
    before = states(nlp)
    train_more(nlp, steps)
    assert changed_depths(before, states(nlp)) == expected


def train_more(nlp, steps: int) -> None:
    optimizer = nlp.resume_training()
    for _ in range(steps):
        nlp.update(examples_of(nlp, ZH), sgd=optimizer)


def test_lower_layers_learn_slower(tiny_encoder: MakeEncoder) -> None:
    nlp = make_nlp(tiny_encoder("unigram"), layer_decay=0.01)
    train(nlp, ZH, steps=2)  # a fresh parser's first gradients are zero
    before = states(nlp)
    train_more(nlp, 1)
    after = states(nlp)
    moved = {}
    for name, depth in depths(before).items():
        distance = (after[name] - before[name]).abs().max().item()
        moved[depth] = max(moved.get(depth, 0.0), distance)
    assert moved[2] > 20 * moved[1] > 400 * moved[0] > 0


def test_all_layers_frozen_is_refused(tiny_encoder: MakeEncoder) -> None:
    nlp = make_nlp(tiny_encoder("unigram"), frozen_layers=2)
    with pytest.raises(XinzhiError, match="frozen_layers = 2, and the encoder has 2 layers"):
        train(nlp, ZH, steps=0)
