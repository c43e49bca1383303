"""The parts of a batch have the gradient of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry, resolve_dot_names
from spacy.vocab import Vocab

from xinzhi.components.score import ScorePredictor
from xinzhi.components.score_values import new_scale
from xinzhi.training.distributed.gradients import gradients_of
from xinzhi.training.distributed.group import ALONE, Group
from xinzhi.training.distributed.shares import (
    count,
    counted_losses,
    part_of,
    shares_of,
    with_shares,
)
from xinzhi.training.distributed.update import step_seed
from xinzhi.training.update import Updater
from xinzhi.training.weights import drop_gradients, trainable_pipes

PAIR = [Group(0, 2), Group(1, 2)]


@pytest.mark.parametrize(
    ("batch", "size", "parts"),
    [
        ("abcde", 2, ["ace", "bd"]),
        ("abc", 3, ["a", "b", "c"]),
        ("a", 2, ["a", ""]),
        ("", 2, ["", ""]),
        ("abc", 1, ["abc"]),
    ],
)
def test_parts(batch: str, size: int, parts: list[str]) -> None:
    found = [part_of(batch, Group(rank, size)) for rank in range(size)]
    assert ["".join(part) for part in found] == parts


@pytest.mark.parametrize(
    ("own", "whole", "shares"),
    [([2, 0], [8, 4], [0.25, 0.0]), ([0, 3], [0, 3], [1.0, 1.0]), ([], [], [])],
)
def test_shares(own: list[float], whole: list[float], shares: list[float]) -> None:
    found = shares_of(torch.tensor(own), torch.tensor(whole))
    assert found.tolist() == shares


def unlike(examples: list[Example]) -> list[Example]:
    """Take annotation away from some, so that the parts have unlike shares in each loss."""
    for number, example in enumerate(examples):
        if number in (0, 2, 3):
            example.reference.set_ents([], default="missing")
        if number in (1, 4, 6, 7):
            example.reference.cats = {}
        example.reference.user_data.pop("record", None)
    return examples


@pytest.mark.parametrize("config", ["ours.cfg", "stock.cfg"])
def test_gradients_of_parts_add_up(config: str, still: dict[str, Any]) -> None:
    overrides = {} if config == "stock.cfg" else still
    nlp = init_nlp(load_config(config, overrides=overrides, interpolate=False))
    settings = nlp.config.interpolate()
    training = registry.resolve(settings["training"])
    training["dropout"] = 0.0
    training["frozen_components"] = ["ner"]  # it draws at random in every update
    (corpus,) = resolve_dot_names(settings, ["corpora.train"])
    batch = unlike(list(corpus(nlp))[:8])
    updater = Updater(nlp, training)

    def gradients() -> list[torch.Tensor | None]:
        found = [g.read() for _, pipe in trainable_pipes(nlp, []) for g in gradients_of(pipe)]
        copies = [None if gradient is None else gradient.clone() for gradient in found]
        drop_gradients(nlp)
        return copies

    updater._update(batch, 0.0, {})
    whole = gradients()
    counted = counted_losses(nlp, [])
    own = [count(counted, [part_of(batch, group)])[0] for group in PAIR]
    for group, row in zip(PAIR, own, strict=True):
        with with_shares(counted, shares_of(row, own[0] + own[1])):
            updater._update(part_of(batch, group), 0.0, {})
    parts = gradients()
    assert any(gradient is not None and gradient.any() for gradient in whole)
    for expected, found in zip(whole, parts, strict=True):
        assert (expected is None) == (found is None)
        if expected is not None and found is not None:
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert all(not item.shares for item in counted)


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_the_loss_of_scores_adds_up(loss: str) -> None:
    pipe = ScorePredictor(Vocab(), None, loss=loss)  # type: ignore[arg-type]
    pipe.cfg["scores"] = {name: new_scale(name, None, None, 0.5, 2.0) for name in ("a", "b")}
    random_numbers = np.random.default_rng(0)
    gold = random_numbers.normal(size=(7, 2))
    gold[[0, 2, 4, 6], 1] = np.nan  # all of b is in the second part
    outputs = torch.as_tensor(random_numbers.normal(size=(2, 7, 1)))
    whole = pipe.compute_loss(gold, tuple(outputs))
    parts = []
    for rank in (0, 1):
        own = gold[rank::2]
        counts = (~np.isnan(own)).sum(0) / (~np.isnan(gold)).sum(0)
        pipe.shares = dict(zip(("a", "b"), counts, strict=True))
        parts.append(pipe.compute_loss(own, tuple(outputs[:, rank::2])))
    assert float(sum(parts)) == pytest.approx(float(whole))


def test_every_step_of_every_process_draws_other_numbers() -> None:
    seeds = {
        step_seed(seed, step, rank) for seed in (0, 1) for step in range(50) for rank in (0, 1)
    }
    assert len(seeds) == 200
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_one_process_has_all() -> None:
    assert part_of([1, 2, 3], ALONE) == [1, 2, 3]
