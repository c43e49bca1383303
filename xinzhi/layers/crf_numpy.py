"""The recurrences of crf.py for prediction, in NumPy: a step is a few small operations, and for one
document those of torch take twice as long. No gradients; arrays are in packed order (packed.py).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

NORMALISE_EVERY = 16  # steps of viterbi, to keep single precision


def viterbi(scores: np.ndarray, transitions: np.ndarray, sizes: list[int]) -> np.ndarray:
    """The best legal tag sequence of every document.

    scores (ndarray): Token scores, shape (tags, tokens).
    transitions (ndarray): As for `crf.run`, shape (tags + 1, tags + 1).
    sizes (list): Tokens per time step.
    RETURNS (ndarray): Tags in packed order, shape (tokens,).
    """
    steps = _steps(sizes)
    best = np.empty_like(scores)
    inner = transitions[:-1, :-1, None]
    previous = transitions[-1, :-1, None]
    for t, (start, end) in enumerate(steps):
        if t:
            previous = (previous[:, None, : end - start] + inner).max(0)
        previous = previous + scores[:, start:end]
        if t % NORMALISE_EVERY == 0:
            previous = previous - previous.max(0)
        best[:, start:end] = previous
    into = np.ascontiguousarray(transitions[:-1].T)
    tags = np.empty(scores.shape[1], dtype=np.int64)
    following = tags[:0]
    for start, end in reversed(steps):
        ending = np.full(end - start - len(following), len(scores))
        following = np.concatenate([following, ending]) if len(ending) else following
        following = (into[following] + best[:, start:end].T).argmax(1)
        tags[start:end] = following
    return tags


def forward(weights: np.ndarray, steps: np.ndarray, sizes: list[int]) -> tuple[np.ndarray, ...]:
    """The forward algorithm.

    weights (ndarray): Exponential of the token scores, shape (tags, tokens).
    steps (ndarray): Exponential of the transition scores, shape (tags + 1, tags + 1).
    sizes (list): Tokens per time step.
    RETURNS (tuple): `alpha` and `scale` of `crf.Lattice`.
    """
    alphas, scales = np.empty_like(weights), np.empty(weights.shape[1])
    inner = np.ascontiguousarray(steps[:-1, :-1].T)
    alpha = steps[-1, :-1, None]
    for t, (start, end) in enumerate(_steps(sizes)):
        if t:
            alpha = inner @ alpha[:, : end - start]
        alpha = alpha * weights[:, start:end]
        scale = alpha.sum(0)
        alpha = alpha / scale
        alphas[:, start:end], scales[start:end] = alpha, scale
    return alphas, scales


def backward(weights: np.ndarray, steps: np.ndarray, sizes: list[int]) -> np.ndarray:
    """The backward algorithm, see `forward`.

    RETURNS (ndarray): As `crf.backward`, shape (tags, tokens).
    """
    betas = np.empty_like(weights)
    inner = np.ascontiguousarray(steps[:-1, :-1])
    ends = steps[:-1, -1:]
    beta = following = betas[:, :0]
    for start, end in reversed(_steps(sizes)):
        ending = end - start - beta.shape[1]
        beta = inner @ (beta * following)
        if ending:
            beta = np.concatenate([beta, np.repeat(ends, ending, axis=1)], axis=1)
        beta = beta / beta.sum(0)
        betas[:, start:end], following = beta, weights[:, start:end]
    return betas


def _steps(sizes: list[int]) -> list[tuple[int, int]]:
    """RETURNS (list): The range of the packed tokens of each time step."""
    return list(pairwise([0, *np.cumsum(sizes).tolist()]))
