"""Class weights against imbalanced training data."""

from __future__ import annotations

import numpy as np

from ..errors import XinzhiError

WEIGHT_MODES = ("auto", "balanced")
ClassWeights = str | dict[str, float] | None


def check_class_weights(setting: ClassWeights) -> None:
    """RAISES (XinzhiError): If a setting is neither a known mode nor a table of weights."""
    if isinstance(setting, str) and setting not in WEIGHT_MODES:
        raise XinzhiError(
            f"class_weights = {setting!r} is not known.",
            f"Use one of {', '.join(WEIGHT_MODES)}, a table of label = weight, or null.",
        )
    if isinstance(setting, dict):
        for label, weight in setting.items():
            if not (np.isfinite(weight) and weight > 0):
                raise XinzhiError(
                    f"class_weights: the weight of {label!r} is {weight}.",
                    "Weights must be positive numbers.",
                )


def class_weights(setting: ClassWeights, labels: list[str], counts: np.ndarray) -> list[float]:
    """Compute the weight of each class.

    setting (str): "balanced": inversely proportional to the class's frequency, as in scikit-learn.
        "auto": the square root of that, a milder correction. A table: these weights, 1 for the
        others. None: all 1.
    labels (list): The classes.
    counts (ndarray): How often each occurs in the training data, shape (classes,).
    RETURNS (list): The weights; their mean over the training data is 1 for the two modes.
    """
    if setting is None:
        return [1.0] * len(labels)
    if isinstance(setting, dict):
        return [float(setting.get(label, 1.0)) for label in labels]
    weights = 1.0 / np.maximum(counts, 1)
    if setting == "auto":
        weights = np.sqrt(weights)
    mean = float((weights * counts).sum() / max(counts.sum(), 1))
    return (weights / mean if mean else np.ones_like(weights)).tolist()


def positive_weights(
    setting: ClassWeights, labels: list[str], counts: np.ndarray, n_docs: int
) -> list[float]:
    """Compute the weight of a positive case of each label that is decided on its own.

    setting (str): "balanced": negative cases per positive case. "auto": the square root of that. A
        table: these weights, 1 for the others. None: all 1.
    counts (ndarray): Positive cases of each label in the training data, shape (labels,).
    n_docs (int): Cases in all.
    RETURNS (list): The weights.
    """
    if setting is None or isinstance(setting, dict):
        return class_weights(setting, labels, counts)
    ratio = np.maximum(n_docs - counts, 1) / np.maximum(counts, 1)
    return (np.sqrt(ratio) if setting == "auto" else ratio).tolist()
