"""`xinzhi_cats`: any number of named classifications of a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ..errors import XinzhiError
from ..head_keys import group_cats, split_key
from ..layers.classifier import carry_over
from ..layers.head import Tensors, initialize_head, n_out, predict_documents, shim_of
from ..layers.losses import binary_loss, distribution_loss
from ..layers.probability import sigmoid, softmax
from ..ranges import check_range
from .base import SAMPLE_SIZE, HeadPipe, ensure_extension, note_abstention, read_examples
from .cats_scorer import cats_score
from .heads import (
    GoldHead,
    Head,
    HeadStatistics,
    check_head,
    read_gold_head,
    read_head_statistics,
    settle_heads,
)
from .weighting import (
    ClassWeights,
    check_class_weights,
    positive_weights,
)
from .weighting import (
    class_weights as weigh_classes,
)

DEFAULT_CONFIG = """
[model]
@architectures = "xinzhi.DocClassifier.v1"
pooling = "mean"
hidden_width = 0
dropout = 0.1

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""


@Language.factory(
    "xinzhi_cats",
    assigns=["doc.cats", "doc._.heads", "doc._.decisions", "doc._.abstained"],
    default_config={
        "model": Config().from_str(DEFAULT_CONFIG)["model"],
        "heads": None,
        "threshold": 0.5,
        "abstain_below": 0.0,
        "abstain_margin": 0.0,
        "class_weights": None,
        "scorer": {"@scorers": "xinzhi.cats_scorer.v1"},
    },
    default_score_weights={"cats_score": 1.0, "cats_heads": None},
)
def make_cats(
    nlp: Language,
    name: str,
    model: Model,
    heads: dict[str, dict[str, Any]] | None,
    threshold: float,
    abstain_below: float,
    abstain_margin: float,
    class_weights: str | dict[str, float] | None,
    scorer: Callable | None,
) -> HeadClassifier:
    """Make an `xinzhi_cats` component; see `HeadClassifier` for the settings."""
    return HeadClassifier(
        nlp.vocab,
        model,
        name,
        heads=heads,
        threshold=threshold,
        abstain_below=abstain_below,
        abstain_margin=abstain_margin,
        class_weights=class_weights,
        scorer=scorer,
    )


@registry.scorers("xinzhi.cats_scorer.v1")
def make_cats_scorer() -> Callable[..., dict[str, Any]]:
    """RETURNS (Callable): `cats_score`."""
    return cats_score


class HeadClassifier(HeadPipe):
    """Classify documents by any number of named heads.

    Probabilities are in `doc.cats["head/label"]` (other keys there are left alone) and in
    `doc._.heads[head][label]`; those of an exclusive head sum to 1. `doc._.decisions[head]` is the
    best label of an exclusive head, and the list of the labels at or above the threshold of any
    other. `doc._.abstained[head]` says why a decision should not be relied on. A document without
    tokens gets the probabilities of an empty text.

    vocab (Vocab): The shared vocabulary.
    model (Model): See `xinzhi.DocClassifier.v1`.
    name (str): Name of the component.
    heads (dict): The heads: name -> {"labels": […], "exclusive": true / false}, both optional and
        then read from the training data. None: all heads of the training data.
    threshold (float): From which probability on a label of a head that is not exclusive is true.
    abstain_below (float): Abstain if the best label is less probable than this.
    abstain_margin (float): Abstain if the best label leads by less than this. (Of a head that is
        not exclusive, both concern the yes or no of its least certain label.)
    class_weights (str): "auto" or "balanced" to weigh labels by their rarity in the training data,
        or a table of "head/label" = weight.
    scorer (Callable): The scorer.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "xinzhi_cats",
        *,
        heads: dict[str, dict[str, Any]] | None = None,
        threshold: float = 0.5,
        abstain_below: float = 0.0,
        abstain_margin: float = 0.0,
        class_weights: ClassWeights = None,
        scorer: Callable | None = cats_score,
    ) -> None:
        check_range("threshold", threshold, 0.0, 1.0)
        check_range("abstain_below", abstain_below, 0.0, 1.0)
        check_range("abstain_margin", abstain_margin, 0.0, 1.0)
        check_class_weights(class_weights)
        self.vocab = vocab
        self.model = model
        self.name = name
        self.declared_heads = heads
        self.threshold = threshold
        self.abstain_below = abstain_below
        self.abstain_margin = abstain_margin
        self.class_weights = class_weights
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"heads": {}, "label_weights": {}, "calibration": {}}
        set_extensions()

    @property
    def heads(self) -> list[Head]:
        """RETURNS (list): The heads."""
        return [Head(name, **settings) for name, settings in self.cfg["heads"].items()]

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple): The labels as "head/label"."""
        return tuple(key for head in self.heads for key in head.keys)

    @property
    def label_data(self) -> dict[str, dict[str, Any]]:
        """RETURNS (dict): The heads as in the config, for `spacy init labels`."""
        return {head.name: head.to_dict() for head in self.heads}

    def add_label(self, label: str) -> int:
        """Add a label to a head; what a trained model knows about the others is kept.

        label (str): "head/label"; the head must exist.
        RETURNS (int): 1 if it is new, else 0.
        """
        head, name = split_key(label)
        if head not in self.cfg["heads"]:
            raise XinzhiError(
                f"Component '{self.name}' has no head '{head}' for the label {label!r}.",
                "Write the label as 'head/label', or add the head with add_head().",
            )
        if name in self.cfg["heads"][head]["labels"]:
            return 0
        self.cfg["heads"][head]["labels"].append(name)
        if head in self.cfg["label_weights"]:
            self.cfg["label_weights"][head].append(1.0)
        self._resize()
        return 1

    def add_head(self, name: str, labels: list[str], exclusive: bool = True) -> None:
        """Add a head; what a trained model knows about the others is kept.

        name (str): Its name.
        labels (list): Its labels.
        exclusive (bool): Whether exactly one label is true of a document.
        """
        head = Head(name, list(labels), exclusive)
        check_head(head)
        if name in self.cfg["heads"]:
            raise XinzhiError(
                f"Component '{self.name}' has a head '{name}' already.", "Use add_label()."
            )
        self.cfg["heads"][name] = head.to_dict()
        self._resize()

    def _resize(self) -> None:
        if n_out(self.model) is not None:
            sizes = [len(head.labels) for head in self.heads]
            shim_of(self.model).resize(carry_over, n_out=sizes)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """Read the heads from the training data and build the model.

        get_examples (Callable): Returns the training examples.
        nlp (Language): The pipeline.
        labels (dict): The heads, as `label_data` returns them.
        RAISES (XinzhiError): If the heads cannot be set up from the config and the data.
        """
        validate_get_examples(get_examples, "HeadClassifier.initialize")
        declared = labels or self.declared_heads or self.label_data or None
        sample: list[Doc] = []

        def references() -> Iterable[Doc]:
            for example in read_examples(get_examples, self.name):
                if len(sample) < SAMPLE_SIZE and len(example.predicted):
                    sample.append(example.predicted)
                yield example.reference

        statistics = read_head_statistics(references(), None if declared is None else [*declared])
        heads = settle_heads(declared, statistics)
        self.cfg["heads"] = {head.name: head.to_dict() for head in heads}
        self.cfg["calibration"] = {}
        if self.class_weights is not None:
            self.cfg["label_weights"] = {
                head.name: self._weigh(head, statistics.get(head.name, HeadStatistics()))
                for head in heads
            }
        initialize_head(self.model, sample, [len(head.labels) for head in heads])

    def _weigh(self, head: Head, seen: HeadStatistics) -> list[float]:
        counts = np.array([seen.positives[label] for label in head.labels])
        if head.exclusive:
            return weigh_classes(self.class_weights, head.keys, counts)
        return positive_weights(self.class_weights, head.keys, counts, seen.n_docs)

    def read_gold(self, examples: list[Example]) -> dict[str, GoldHead] | None:
        """RETURNS (dict): The annotation by head (see `read_gold_head`); None if there is none."""
        docs = [example.reference for example in examples]
        cats = [group_cats(doc.cats) for doc in docs]
        gold = {head.name: read_gold_head(docs, cats, head) for head in self.heads}
        return {name: g for name, g in gold.items() if g is not None} or None

    def loss_counts(self, examples: list[Example]) -> dict[str, float]:
        """RETURNS (dict): Of each head the annotated documents (labels, if not exclusive)."""
        gold = self.read_gold(examples) or {}
        return {
            head.name: gold[head.name].count(head) if head.name in gold else 0
            for head in self.heads
        }

    def compute_loss(self, gold: dict[str, GoldHead], outputs: Tensors) -> torch.Tensor:
        """Sum over the heads; of each, the mean over the documents that are annotated for it."""
        losses = []
        for head, logits in zip(self.heads, outputs, strict=True):
            if head.name not in gold:
                continue
            target = torch.as_tensor(gold[head.name].target, device=logits.device)
            annotated = torch.as_tensor(gold[head.name].annotated, device=logits.device)
            weights = self.cfg["label_weights"].get(head.name)
            tensor = None if weights is None else target.new_tensor(weights)
            if head.exclusive:
                log_probs, rows = logits.log_softmax(-1), annotated.any(1)
                loss = distribution_loss(log_probs, target, rows, class_weights=tensor)
            else:
                loss = binary_loss(logits, target, annotated, class_weights=tensor)
            losses.append(loss * self.share(head.name))
        return torch.stack(losses).sum()

    def predict(self, docs: Iterable[Doc]) -> dict[str, np.ndarray]:
        """Find the probabilities for a batch, without changing the documents.

        docs (Iterable): The documents.
        RETURNS (dict): Per head the calibrated probabilities, shape (documents, labels).
        """
        calibration = self.cfg["calibration"]
        probs: dict[str, np.ndarray] = {}
        docs = list(docs)
        if not docs:
            return probs
        for head, logits in zip(self.heads, self.predict_logits(docs), strict=True):
            scaled = logits / calibration.get(head.name, {}).get("temperature", 1.0)
            probs[head.name] = softmax(scaled) if head.exclusive else sigmoid(scaled)
        return probs

    def predict_logits(self, docs: list[Doc]) -> list[np.ndarray]:
        """RETURNS (list): The scores of each head before calibration, (documents, labels)."""
        return [logits.astype(np.float64) for logits in predict_documents(self.model, docs)]

    def set_annotations(self, docs: Iterable[Doc], probs: dict[str, np.ndarray]) -> None:
        """Write `doc.cats`, `doc._.decisions` and `doc._.abstained`.

        docs (Iterable): The documents.
        probs (dict): What `predict` returned for them.
        """
        for head in self.heads if probs else []:
            keys, rows = head.keys, probs[head.name].tolist()
            thresholds = self._thresholds(head)
            limits = self._limits(head)
            for doc, row in zip(docs, rows, strict=True):
                doc.cats.update(zip(keys, row, strict=True))
                doc._.decisions[head.name] = decide(head, row, thresholds)
                note_abstention(doc, head.name, abstention(head, row, *limits))

    def _thresholds(self, head: Head) -> list[float]:
        by_label = self.cfg["calibration"].get(head.name, {}).get("thresholds", {})
        return [by_label.get(label, self.threshold) for label in head.labels]

    def _limits(self, head: Head) -> tuple[float, float]:
        calibration = self.cfg["calibration"].get(head.name, {})
        return (
            calibration.get("abstain_below", self.abstain_below),
            calibration.get("abstain_margin", self.abstain_margin),
        )


def decide(head: Head, probs: list[float], thresholds: list[float]) -> str | list[str]:
    """RETURNS (str / list): The best label of an exclusive head, else all true labels."""
    if head.exclusive:
        return head.labels[int(np.argmax(probs))]
    rows = zip(head.labels, probs, thresholds, strict=True)
    return [label for label, prob, threshold in rows if prob >= threshold]


def abstention(
    head: Head, probs: list[float], below: float, margin: float
) -> dict[str, Any] | None:
    """Say why a decision should not be relied on.

    RETURNS (dict): "reason" ("threshold" or "margin"), "value" and "limit"; None if it is fine.
    """
    if head.exclusive:
        second, best = sorted(probs)[-2:]
    else:
        best = min(max(prob, 1 - prob) for prob in probs)
        second = 1 - best
    if best < below:
        return {"reason": "threshold", "value": best, "limit": below}
    if best - second < margin:
        return {"reason": "margin", "value": best - second, "limit": margin}
    return None


def set_extensions() -> None:
    """Register `doc._.heads`, `doc._.decisions` and `doc._.abstained`.

    `doc._.heads` is read from `doc.cats`, so it survives wherever `doc.cats` does, and works on
    gold documents too. The other two are stored in `doc.user_data`.
    """
    ensure_extension(Doc, "heads", getter=head_probabilities)
    ensure_extension(Doc, "decisions", default={})
    ensure_extension(Doc, "abstained", default={})


def head_probabilities(doc: Doc) -> dict[str, dict[str, float]]:
    """RETURNS (dict): head -> label -> probability."""
    return group_cats(doc.cats)
