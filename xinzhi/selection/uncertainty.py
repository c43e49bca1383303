"""How unsure trained heads are of texts, from their calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc

from ..errors import XinzhiError
from ..layers import crf, crf_numpy
from ..layers.decoding import TagScores
from ..layers.packed import pack

ENTITIES = "entities"


def task_uncertainty(pipes: Sequence[Any], docs: list[Doc]) -> dict[str, np.ndarray]:
    """How unsure components are of each document, by task.

    pipes (Sequence): Trained `xinzhi_ner` and `xinzhi_cats` components.
    docs (list[Doc]): Documents that their encoder has read.
    RETURNS (dict): "entities" and "heads/HEAD" -> from 0 (sure) to 1, shape (documents,).
    """
    found: dict[str, np.ndarray] = {}
    for pipe in pipes:
        if hasattr(pipe, "predict_scores"):
            tagged = pipe.predict_scores(docs)
            temperature = pipe.cfg["calibration"].get("temperature", 1.0)
            found[ENTITIES] = sequence_uncertainty(tagged, len(docs), temperature)
        else:
            probs = pipe.predict(docs)
            for head in pipe.heads:
                rows = probs[head.name]
                found[f"heads/{head.name}"] = head_uncertainty(rows, head.exclusive)
    return found


def sequence_uncertainty(
    tagged: TagScores | None, documents: int, temperature: float = 1.0
) -> np.ndarray:
    """1 - p^(1/n), where p is the probability of the best tag sequence of n tokens: the maximum
    normalised log-probability of Shen et al. (2018), "Deep active learning for named entity
    recognition". Unlike the confidence of what was found, it counts what may have been missed.

    tagged (TagScores | None): Scores of the tagger; None without a token.
    documents (int): How many documents there are.
    temperature (float): Of the calibration.
    RETURNS (ndarray): From 0 to 1, shape (documents,); 0 for a document without tokens.
    """
    unsure = np.zeros(documents)
    if tagged is None:
        return unsure
    scores = tagged.scores.cpu()
    batch = pack(tagged.lengths, scores.device)
    packed = scores[batch.to_packed].T.contiguous() / temperature
    transitions = tagged.transitions.cpu() / temperature
    if tagged.allowed is not None:
        mask = torch.as_tensor(tagged.allowed)[batch.to_packed].T
        packed = packed.masked_fill(~mask, -crf.MAX_GAP)
    best = crf_numpy.viterbi(packed.numpy(), transitions.numpy(), batch.sizes)
    one = torch.arange(len(packed)).unsqueeze(1) == torch.as_tensor(best)
    losses = crf.nll(packed, transitions, batch, one).numpy()
    filled = tagged.lengths > 0
    unsure[filled] = 1.0 - np.exp(-losses / tagged.lengths[filled])
    return unsure.clip(0.0, 1.0)


def head_uncertainty(probs: np.ndarray, exclusive: bool) -> np.ndarray:
    """How unsure a classification is.

    probs (ndarray): Shape (documents, labels).
    exclusive (bool): Whether exactly one label is true; else the least certain label counts.
    RETURNS (ndarray): From 0 to 1, shape (documents,).
    """
    if exclusive:
        return 1.0 - probs.max(1)
    return (1.0 - np.maximum(probs, 1.0 - probs)).max(1)


def combined(by_task: Mapping[str, np.ndarray]) -> np.ndarray:
    """The mean over the tasks of the share of texts that a text is at least as unsure as: tasks
    have scales of their own, and none shall drown the others.

    by_task (Mapping): From `task_uncertainty`.
    RETURNS (ndarray): From 0 to 1, shape (documents,).
    RAISES (XinzhiError): There is no task.
    """
    if not by_task:
        raise XinzhiError(
            "No component of the pipeline says how sure it is.",
            "Train xinzhi_ner or xinzhi_cats, or choose by diversity (--strategy diversity).",
        )
    return np.mean([ranks(values) for values in by_task.values()], axis=0)


def ranks(values: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): For each value the share of values that are not above it."""
    return np.searchsorted(np.sort(values), values, side="right") / max(1, len(values))
