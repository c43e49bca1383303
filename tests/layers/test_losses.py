from __future__ import annotations

import math

import pytest
import torch

from xinzhi.layers.bioes import MISSING
from xinzhi.layers.losses import (
    binary_loss,
    distribution_loss,
    pairwise_ranking_loss,
    regression_loss,
    token_loss,
)

PROBS = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
YES = torch.tensor([True, True, True])


def test_token_loss_is_the_mean_over_annotated_rows():
    gold = torch.tensor([0, MISSING, 2])
    want = -(math.log(0.7) + math.log(0.6)) / 2
    assert token_loss(PROBS.log(), gold).item() == pytest.approx(want)
    assert token_loss(PROBS.log(), torch.full((3,), MISSING)).item() == 0.0


def test_missing_rows_get_no_gradient():
    scores = PROBS.log().requires_grad_()
    token_loss(scores.log_softmax(-1), torch.tensor([0, MISSING, 2])).backward()
    assert scores.grad[1].tolist() == [0.0, 0.0, 0.0]
    assert scores.grad[0].abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({"class_weights": torch.tensor([2.0, 1.0, 0.5])}, [2.0, 1.0, 0.5]),
        ({"focal_gamma": 2.0}, [0.3**2, 0.4**2, 0.4**2]),
    ],
)
def test_weighted_rows(options, want):
    losses = [-math.log(p) for p in (0.7, 0.6, 0.6)]
    expected = sum(a * b for a, b in zip(losses, want, strict=True)) / 3
    got = token_loss(PROBS.log(), torch.tensor([0, 1, 2]), **options)
    assert got.item() == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_is_pytorchs():
    gold = torch.tensor([0, 1, 2])
    want = torch.nn.functional.cross_entropy(PROBS.log(), gold, label_smoothing=0.1)
    got = token_loss(PROBS.log(), gold, label_smoothing=0.1)
    assert got.item() == pytest.approx(want.item(), rel=1e-5)


def test_soft_targets():
    target = torch.tensor([[0.5, 0.5, 0.0]] * 3)
    got = distribution_loss(PROBS.log(), target, torch.tensor([True, False, False]))
    assert got.item() == pytest.approx(-(math.log(0.7) + math.log(0.2)) / 2)


def test_binary_loss_of_annotated_cells():
    logits = torch.tensor([[0.0, 2.0], [1.0, -1.0]], requires_grad=True)
    target = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    annotated = torch.tensor([[True, False], [True, True]])
    cells = [math.log(2), math.log(1 + math.e), math.log(1 + math.e)]
    loss = binary_loss(logits, target, annotated)
    assert loss.item() == pytest.approx(sum(cells) / 3, rel=1e-5)
    loss.backward()
    assert logits.grad[0, 1] == 0
    weighted = binary_loss(logits, target, annotated, class_weights=torch.tensor([3.0, 1.0]))
    assert weighted.item() == pytest.approx((3 * cells[0] + cells[1] + cells[2]) / 3, rel=1e-5)
    assert binary_loss(logits, target, torch.zeros_like(annotated)).item() == 0.0


def test_ranking_loss_of_comparable_pairs():
    predicted = torch.tensor([1.0, 0.0, 5.0])
    target = torch.tensor([2.0, 1.0, float("nan")])
    annotated = torch.tensor([True, True, False])
    want = math.log(1 + math.exp(-1.0))
    assert pairwise_ranking_loss(predicted, target, annotated).item() == pytest.approx(want)
    assert pairwise_ranking_loss(predicted, torch.ones(3), YES).item() == 0.0


@pytest.mark.parametrize(("kind", "want"), [("mse", (1 + 9) / 2), ("huber", (0.5 + 2.5) / 2)])
def test_regression_losses(kind, want):
    predicted = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    target = torch.tensor([2.0, float("nan"), 0.0])
    loss = regression_loss(predicted, target, ~target.isnan(), kind=kind)
    assert loss.item() == pytest.approx(want)
    loss.backward()
    assert predicted.grad[1] == 0
    assert torch.isfinite(predicted.grad).all()


def test_ranking_keeps_the_scale():
    predicted, target = torch.tensor([1.0, 2.0]), torch.tensor([11.0, 12.0])
    off = regression_loss(predicted, target, YES[:2], kind="ranking")
    right = regression_loss(target, target, YES[:2], kind="ranking")
    assert off > right > 0
