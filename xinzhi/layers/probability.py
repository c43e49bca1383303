"""Calibrated probabilities: a monotone map from what a head computes to what it reports."""

from __future__ import annotations

import numpy as np

EDGE = 1e-12


def logit(probs: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Log-odds of probabilities; finite at 0 and 1."""
    probs = np.clip(probs, EDGE, 1 - EDGE)
    return np.log(probs) - np.log1p(-probs)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Probabilities of log-odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(scores, -60, 60)))


def softmax(scores: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Probabilities over the last dimension."""
    exp = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def rescale(probs: np.ndarray, scale: float, bias: float) -> np.ndarray:
    """Platt scaling of log-odds (Platt 1999); increasing for a positive scale.

    probs (ndarray): Probabilities.
    scale, bias (float): 1 and 0 change nothing.
    RETURNS (ndarray): sigmoid(scale * logit(probs) + bias).
    """
    if scale == 1.0 and bias == 0.0:
        return probs
    return sigmoid(scale * logit(probs) + bias)
