"""Losses of the heads, on torch tensors. Missing annotation always means: no loss, no gradient."""

from __future__ import annotations

import torch
from torch.nn import functional

from .bioes import MISSING


def token_loss(
    log_probs: torch.Tensor,
    gold: torch.Tensor,
    *,
    class_weights: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    focal_gamma: float = 0.0,
) -> torch.Tensor:
    """Cross-entropy over classes: mean over the annotated rows.

    log_probs (Tensor): Normalised log-probabilities, shape (rows, classes).
    gold (Tensor): Class numbers, shape (rows,); `MISSING` rows are left out.
    class_weights (Tensor): Weight of a row by its gold class, shape (classes,).
    label_smoothing (float): Share of the target spread evenly over all classes.
    focal_gamma (float): Exponent γ of the focal loss, Lin et al. 2017: rows that are already right
        count less, by (1 - p) ** γ.
    RETURNS (Tensor): A scalar; 0 if nothing is annotated.
    """
    target = functional.one_hot(gold.clamp(min=0), log_probs.shape[1]).to(log_probs.dtype)
    return distribution_loss(
        log_probs,
        target,
        gold != MISSING,
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        focal_gamma=focal_gamma,
    )


def distribution_loss(
    log_probs: torch.Tensor,
    target: torch.Tensor,
    annotated: torch.Tensor,
    *,
    class_weights: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    focal_gamma: float = 0.0,
) -> torch.Tensor:
    """As `token_loss`, against a gold distribution per row.

    target (Tensor): Gold probabilities, shape (rows, classes).
    annotated (Tensor): Booleans, shape (rows,).
    RETURNS (Tensor): A scalar.
    """
    weight = annotated.to(log_probs.dtype)
    if class_weights is not None:
        weight = weight * (target * class_weights).sum(-1)
    if focal_gamma:
        weight = weight * (1 - (target * log_probs.exp()).sum(-1)).clamp(min=0) ** focal_gamma
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / target.shape[-1]
    per_row = -(target * log_probs).sum(-1)
    return (per_row * weight).sum() / annotated.sum().clamp(min=1)


def binary_loss(
    logits: torch.Tensor,
    target: torch.Tensor,
    annotated: torch.Tensor,
    *,
    class_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Binary cross-entropy of independent labels: mean over the annotated cells.

    logits (Tensor): Shape (rows, labels).
    target (Tensor): Gold probabilities, same shape.
    annotated (Tensor): Booleans, same shape.
    class_weights (Tensor): Weight of the positive cells by label, shape (labels,).
    RETURNS (Tensor): A scalar; 0 if nothing is annotated.
    """
    weight = annotated.to(logits.dtype)
    if class_weights is not None:
        weight = weight * (1 + target * (class_weights - 1))
    per_cell = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (per_cell * weight).sum() / annotated.sum().clamp(min=1)


def pairwise_ranking_loss(
    predicted: torch.Tensor, target: torch.Tensor, annotated: torch.Tensor
) -> torch.Tensor:
    """RankNet (Burges et al. 2005): logistic loss on every pair of documents with different gold
    values, mean over the pairs of a batch.

    predicted, target (Tensor): Values, shape (rows,).
    annotated (Tensor): Booleans, shape (rows,).
    RETURNS (Tensor): A scalar; 0 without a comparable pair.
    """
    higher = (target[:, None] > target[None, :]) & annotated[:, None] & annotated[None, :]
    difference = predicted[:, None] - predicted[None, :]
    return (functional.softplus(-difference) * higher).sum() / higher.sum().clamp(min=1)


def regression_loss(
    predicted: torch.Tensor, target: torch.Tensor, annotated: torch.Tensor, *, kind: str
) -> torch.Tensor:
    """Loss of one real-valued output: mean over the annotated rows.

    predicted, target (Tensor): Values, shape (rows,).
    annotated (Tensor): Booleans, shape (rows,).
    kind (str): "mse"; "huber" (delta 1); "ranking": `pairwise_ranking_loss` plus the mean squared
        error, which keeps the values on the scale of the gold ones.
    RETURNS (Tensor): A scalar; 0 if nothing is annotated.
    """
    target = torch.where(annotated, target, predicted.detach())
    loss = functional.huber_loss if kind == "huber" else functional.mse_loss
    per_row = loss(predicted, target, reduction="none")
    mean = (per_row * annotated).sum() / annotated.sum().clamp(min=1)
    if kind == "ranking":
        return mean + pairwise_ranking_loss(predicted, target, annotated)
    return mean
