"""The numerical part of calibration: small problems in one or two unknowns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..layers.probability import sigmoid

MIN_SCALE = 0.05


def binary_loss(probs: np.ndarray, correct: np.ndarray) -> float:
    """RETURNS (float): Mean negative log-likelihood of yes or no outcomes."""
    probs = np.clip(np.where(correct, probs, 1 - probs), 1e-12, None)
    return float(-np.log(probs).mean())


def fit_temperature(loss: Callable[[float], float], n_cases: int, prior: float = 1.0) -> float:
    """Find the temperature from 1/20 to 20 with the lowest loss, by golden-section search.

    loss (Callable): Mean loss over the cases at a temperature; has one minimum.
    n_cases (int): Number of cases.
    prior (float): Weight of a penalty on the squared logarithm of the temperature, in cases, so
        that few cases, or cases that are all right, do not run away.
    RETURNS (float): The temperature.
    """

    def penalised(log_t: float) -> float:
        return loss(float(np.exp(log_t))) + prior / (2 * n_cases) * log_t**2

    ratio = (np.sqrt(5) - 1) / 2
    low, high = -np.log(20.0), np.log(20.0)
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    loss_a, loss_b = penalised(a), penalised(b)
    while high - low > 1e-3:
        if loss_a <= loss_b:
            high, b, loss_b = b, a, loss_a
            a = high - ratio * (high - low)
            loss_a = penalised(a)
        else:
            low, a, loss_a = a, b, loss_b
            b = low + ratio * (high - low)
            loss_b = penalised(b)
    return float(np.exp((low + high) / 2))


def fit_platt(log_odds: np.ndarray, correct: np.ndarray, prior: float = 1.0) -> tuple[float, float]:
    """Fit outcome ~ sigmoid(scale * log-odds + bias) by penalised maximum likelihood (Newton).

    log_odds (ndarray): Of the predicted probabilities.
    correct (ndarray): Booleans, same shape.
    prior (float): Weight of the penalty that draws towards scale 1 and bias 0, so that few or
        one-sided cases do not run away.
    RETURNS (tuple): Scale (positive, so that the order of confidences stays) and bias.
    """
    X = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    start = np.array([1.0, 0.0])

    def objective(w: np.ndarray) -> float:
        return binary_loss(sigmoid(X @ w), correct) * len(X) + prior / 2 * ((w - start) ** 2).sum()

    w = start
    for _ in range(100):
        p = sigmoid(X @ w)
        gradient = X.T @ (p - correct) + prior * (w - start)
        hessian = (X * (p * (1 - p))[:, None]).T @ X + prior * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while objective(w - step) > objective(w) and np.abs(step).max() > 1e-9:
            step = step / 2
        w = w - step
        if np.abs(step).max() < 1e-6:
            break
    return max(float(w[0]), MIN_SCALE), float(w[1])


def best_threshold(confidence: np.ndarray, correct: np.ndarray, n_gold: int) -> float:
    """Choose the threshold with the best F-score.

    confidence (ndarray): Of the predictions of one label.
    correct (ndarray): Booleans, same shape.
    n_gold (int): Gold cases of the label.
    RETURNS (float): Half-way to the next lower confidence; 0 if everything is worth keeping.
    """
    order = np.argsort(-confidence, kind="stable")
    f = 2 * np.cumsum(correct[order]) / (np.arange(1, len(order) + 1) + n_gold)
    last = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))
    best = last[f[last].argmax()]
    if best == len(order) - 1:
        return 0.0
    return float((confidence[order[best]] + confidence[order[best + 1]]) / 2)
