"""Has the input moved away from what the pipeline was trained on, or from an earlier time?

Population stability index (Σ (p - q) · ln(p / q)) for lengths, confidences and label mixes: from
0.1 on a small shift, from 0.25 on a large one, as is usual. Where both samples are drawn alike it
is about (1/n + 1/m) · χ² with bins - 1 degrees of freedom (Yurdakul and Naranjo, "Statistical
properties of the population stability index", Journal of Risk Model Validation 14, 2020); only a
value above the 99.9 % quantile of that is called a drift. For the vocabulary, the Jensen-Shannon
distance of the character counts, against that of random halves of the reference.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

from ...corpora.formats import read_records
from ...corpora.record import Record
from ...errors import XinzhiError
from .database import Database
from .posts import PostFields

BINS = 10
SMALL, LARGE = 0.1, 0.25
QUANTILE = 0.999
LEAST = 20  # texts on either side
SPLITS = 50  # random samples of the reference that say how far apart equal texts are
MOST = 2000  # texts of the reference in that
CHARACTERS = 3000  # most frequent ones that are told apart


@dataclass
class Sample:
    """Texts and what is known about them.

    texts (list[str]): The texts.
    labels (dict): Head to the label of each text that has one.
    confidences (dict): Head to the confidence of each.
    """

    texts: list[str] = field(default_factory=list)
    labels: dict[str, list[str]] = field(default_factory=dict)
    confidences: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class DriftRow:
    """One measure.

    name (str): What is compared.
    value (float): The distance.
    noise (float): Up to where chance alone may take it.
    level (str): "none", "small" or "large".
    detail (str): What has changed most.
    """

    name: str
    value: float
    noise: float
    level: str
    detail: str


HEADS = ("topic", "sentiment")


def posts_sample(database: Database, since: datetime | None, until: datetime | None) -> Sample:
    """RETURNS (Sample): The posts of a database from a local time on, and before another."""
    rows = database.rows(
        "SELECT text, topic, sentiment, topic_confidence, sentiment_confidence FROM posts "
        "WHERE local_at >= ? AND local_at < ? ORDER BY local_at, id",
        *(since or datetime.min, until or datetime.max),
    )
    sample = Sample([row[0] for row in rows])
    for number, head in enumerate(HEADS, start=1):
        sample.labels[head] = [row[number] for row in rows if row[number] is not None]
        sure = [row[number + 2] for row in rows]
        sample.confidences[head] = [v for v in sure if v is not None and not math.isnan(v)]
    return sample


def corpus_sample(paths: Iterable[Path], fields: PostFields | None = None) -> Sample:
    """RETURNS (Sample): The texts and labels of annotated files, in any format.

    RAISES (XinzhiError): If a file is not there.
    """
    fields = fields or PostFields()
    sample = Sample(labels={head: [] for head in HEADS}, confidences={head: [] for head in HEADS})
    for path in paths:
        if not path.is_file():
            raise XinzhiError(f"There is no file {path}.", "Name the files of the training data.")
        for record in read_records(path):
            if not isinstance(record, Record):
                continue
            sample.texts.append(record.text)
            for head, name in zip(HEADS, (fields.topic, fields.sentiment), strict=True):
                label = record.cats.get(name)
                sample.labels[head] += [label] if isinstance(label, str) else []
    return sample


def measure_drift(reference: Sample, current: Sample) -> list[DriftRow]:
    """Compare two samples.

    reference (Sample): What the pipeline was trained on, or an earlier time.
    current (Sample): What comes in now.
    RETURNS (list[DriftRow]): Length, vocabulary, and for each head its labels and confidences,
        where both samples have them.
    RAISES (XinzhiError): If one of them has too few texts.
    """
    for name, sample in (("reference", reference), ("current time", current)):
        if len(sample.texts) < LEAST:
            raise XinzhiError(
                f"The {name} has {len(sample.texts)} texts, too few to compare.",
                f"Take a longer time, or more files: at least {LEAST} texts.",
            )
    rows = [_lengths(reference.texts, current.texts), _vocabulary(reference.texts, current.texts)]
    for head in HEADS:
        old, new = reference.labels.get(head, []), current.labels.get(head, [])
        if min(len(old), len(new)) >= LEAST:
            rows.append(_labels(f"labels of {head}", old, new))
        before, now = reference.confidences.get(head, []), current.confidences.get(head, [])
        if min(len(before), len(now)) >= LEAST:
            rows.append(_numbers(f"confidence of {head}", before, now))
    return rows


def psi(old: Sequence[float], new: Sequence[float]) -> tuple[float, float]:
    """The population stability index of two histograms.

    old, new (Sequence[float]): Counts of the same bins.
    RETURNS (tuple): The index (half a count is added to every bin), and where chance may take it.
    """
    one, two = np.asarray(old, dtype=float) + 0.5, np.asarray(new, dtype=float) + 0.5
    p, q = one / one.sum(), two / two.sum()
    value = float(((p - q) * np.log(p / q)).sum())
    scale = 1 / max(sum(old), 1) + 1 / max(sum(new), 1)
    return value, float(scale * stats.chi2.ppf(QUANTILE, max(1, len(one) - 1)))


def _row(name: str, value: float, noise: float, detail: str) -> DriftRow:
    level = "none"
    if value > noise and value >= SMALL:
        level = "large" if value >= LARGE else "small"
    return DriftRow(name, value, noise, level, detail)


def _lengths(old: list[str], new: list[str]) -> DriftRow:
    lengths = [float(len(text)) for text in old], [float(len(text)) for text in new]
    return _numbers("length", *lengths)


def _numbers(name: str, old: Sequence[float], new: Sequence[float]) -> DriftRow:
    """Bins with equal shares of the reference."""
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        for values in (old, new)
    ]
    detail = f"median {np.median(old):.4g} → {np.median(new):.4g}"
    return _row(name, *psi(counts[0].tolist(), counts[1].tolist()), detail)


def _labels(name: str, old: list[str], new: list[str]) -> DriftRow:
    before, after = Counter(old), Counter(new)
    labels = sorted(before | after)
    shares = {label: (before[label] / len(old), after[label] / len(new)) for label in labels}
    most = max(labels, key=lambda label: abs(shares[label][1] - shares[label][0]))
    detail = f"{most} {shares[most][0]:.0%} → {shares[most][1]:.0%}"
    found = psi([before[label] for label in labels], [after[label] for label in labels])
    return _row(name, *found, detail)


def _vocabulary(old: list[str], new: list[str]) -> DriftRow:
    """The Jensen-Shannon distance (base 2) of the characters of the texts, and the share of those
    that the reference does not have."""
    counts = [_characters(texts) for texts in (old, new)]
    known = [character for character, _ in counts[0].most_common(CHARACTERS)]
    place = {character: number for number, character in enumerate(known)}
    value = _distance(_vector(counts[0], place), _vector(counts[1], place))
    unseen = sum(n for c, n in counts[1].items() if c not in counts[0]) / counts[1].total()
    noise = _chance(old, len(new), place)
    level = "none" if value <= noise else "large" if value > 2 * noise else "small"
    return DriftRow("vocabulary", value, noise, level, f"{unseen:.1%} of the characters are new")


def _chance(texts: list[str], size: int, place: dict[str, int]) -> float:
    """RETURNS (float): How far apart two random parts of the texts are, at most of SPLITS times;
    the second is as large as the other sample, at most half."""
    rng = np.random.default_rng(0)
    if len(texts) > MOST:
        texts = [texts[number] for number in rng.choice(len(texts), MOST, replace=False)]
    each = np.array([_vector(_characters([text]), place) for text in texts])
    size = min(size, len(texts) // 2)
    found = []
    for _ in range(SPLITS):
        order = rng.permutation(len(texts))
        found.append(_distance(each[order[size:]].sum(0), each[order[:size]].sum(0)))
    return max(found)


def _characters(texts: Iterable[str]) -> Counter[str]:
    return Counter(char.lower() for text in texts for char in text if not char.isspace())


def _vector(counts: Counter[str], place: dict[str, int]) -> Any:
    """RETURNS (ndarray): Counts in order; the last place is for all others."""
    vector = np.zeros(len(place) + 1)
    for character, count in counts.items():
        vector[place.get(character, len(place))] += count
    return vector


def _distance(one: Any, two: Any) -> float:
    return float(jensenshannon(one + 1e-9, two + 1e-9, base=2))
