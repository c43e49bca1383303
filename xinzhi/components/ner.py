"""`xinzhi_ner`: entities with a confidence, from a batched tagger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import torch
from spacy import registry
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ..errors import XinzhiError
from ..layers import bioes, crf
from ..layers.decoding import Entities, TagScores, decode, no_entities
from ..layers.head import Tensors, initialize_head, n_out, shim_of
from ..layers.losses import token_loss
from ..layers.packed import PackedBatch, pack
from ..layers.probability import rescale
from ..layers.tagger import TagScorer, carry_over, set_prior
from ..ranges import check_range
from .base import SAMPLE_SIZE, HeadPipe, ensure_extension, note_abstention, read_examples
from .ner_gold import BEGIN_IOB, INSIDE_IOB, GoldEntities, count_tags, read_gold_entities
from .weighting import ClassWeights, check_class_weights
from .weighting import class_weights as weigh_classes

OUTSIDE_LABEL = "O"

DEFAULT_CONFIG = """
[model]
@architectures = "xinzhi.TokenTagger.v1"
decoder = "crf"
hidden_width = 128
depth = 0
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
    "xinzhi_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "span._.confidence", "doc._.abstained"],
    default_config={
        "model": Config().from_str(DEFAULT_CONFIG)["model"],
        "threshold": 0.0,
        "alternatives": 0,
        "class_weights": None,
        "label_smoothing": 0.0,
        "focal_gamma": 0.0,
        "incorrect_spans_key": None,
        "scorer": {"@scorers": "xinzhi.ner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
    },
)
def make_ner(
    nlp: Language,
    name: str,
    model: Model,
    threshold: float,
    alternatives: int,
    class_weights: str | dict[str, float] | None,
    label_smoothing: float,
    focal_gamma: float,
    incorrect_spans_key: str | None,
    scorer: Callable | None,
) -> EntityTagger:
    """Make an `xinzhi_ner` component; see `EntityTagger` for the settings."""
    return EntityTagger(
        nlp.vocab,
        model,
        name,
        threshold=threshold,
        alternatives=alternatives,
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        focal_gamma=focal_gamma,
        incorrect_spans_key=incorrect_spans_key,
        scorer=scorer,
    )


def ner_score(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """RETURNS (dict): ents_p, ents_r, ents_f and ents_per_type, as spaCy's own `ner` reports them.

    Tokens without annotation are not scored; all values are None if there is nothing to score.
    """
    return get_ner_prf(examples)


@registry.scorers("xinzhi.ner_scorer.v1")
def make_ner_scorer() -> Callable[..., dict[str, Any]]:
    """RETURNS (Callable): `ner_score`."""
    return ner_score


class EntityTagger(HeadPipe):
    """Predict non-overlapping entities by tagging tokens with BIOES tags.

    Every predicted entity has `span._.confidence`: the probability under the model that exactly
    this span with this label is an entity (see `layers.crf.span_log_probs`), between 0 and 1.
    Those below the threshold are left out and listed in `doc._.abstained` under the name of the
    component. Entities and blocked tokens that are set already when the component runs are kept,
    and not overlapped. No entity begins or ends with white space. Sentence and window boundaries
    do not matter: an entity may cross them.

    vocab (Vocab): The shared vocabulary.
    model (Model): See `xinzhi.TokenTagger.v1`.
    name (str): Name of the component.
    threshold (float): Entities with a lower confidence are left out.
    alternatives (int): How many next-best labels for the boundaries of each entity to keep in
        `span._.alternatives`, as (label, probability).
    class_weights (str): "auto" or "balanced" to weigh labels by their rarity in the training data,
        or a table of label = weight ("O" is the label of tokens outside entities).
    label_smoothing (float): Share of each target that is spread over all tags.
    focal_gamma (float): Exponent of the focal loss; 0 is off.
        With one of these three set, a CRF is trained on its posterior tag probabilities (Kakade et
        al. 2002, An alternate objective function for Markovian fields), not on whole sequences.
    incorrect_spans_key (str): Key of `doc.spans` for spans known to be no entity of their label.
    scorer (Callable): The scorer.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "xinzhi_ner",
        *,
        threshold: float = 0.0,
        alternatives: int = 0,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        incorrect_spans_key: str | None = None,
        scorer: Callable | None = ner_score,
    ) -> None:
        check_range("threshold", threshold, 0.0, 1.0)
        check_range("label_smoothing", label_smoothing, 0.0, 0.999)
        check_range("focal_gamma", focal_gamma, 0.0, 10.0)
        check_range("alternatives", alternatives, 0, 1000)
        check_class_weights(class_weights)
        self.vocab = vocab
        self.model = model
        self.name = name
        self.threshold = threshold
        self.alternatives = alternatives
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.incorrect_spans_key = incorrect_spans_key
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], "tag_weights": None, "calibration": {}}
        set_extensions()

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple): The entity labels."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """RETURNS (list): The entity labels, for `spacy init labels`."""
        return list(self.cfg["labels"])

    def add_label(self, label: str) -> int:
        """Add an entity label; what a trained model knows about the others is kept.

        label (str): The label.
        RETURNS (int): 1 if it is new, else 0.
        """
        if not isinstance(label, str) or not label:
            raise XinzhiError(f"{label!r} is no entity label.", "Labels are non-empty strings.")
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        if self.cfg["tag_weights"] is not None:
            self.cfg["tag_weights"].append(1.0)
        if n_out(self.model) is not None:
            shim_of(self.model).resize(carry_over, n_out=len(self.labels))
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Read the labels from the training data and build the model.

        get_examples (Callable): Returns the training examples.
        nlp (Language): The pipeline.
        labels (list): The labels, if they are known; else they are read from the data.
        RAISES (XinzhiError): If there is no label.
        """
        validate_get_examples(get_examples, "EntityTagger.initialize")
        sample: list[Doc] = []
        counts: Counter[tuple[str, str]] = Counter()
        for example in read_examples(get_examples, self.name):
            count_tags(example.reference, counts)
            if len(sample) < SAMPLE_SIZE and len(example.predicted):
                sample.append(example.predicted)
        seen = sorted({label for _, label in counts if label})
        for label in labels if labels is not None else seen:
            self.add_label(label)
        if not self.labels:
            raise XinzhiError(
                f"Component '{self.name}': no document of the training data has an entity.",
                "Check the training corpus, or remove the component from the pipeline.",
            )
        if self.class_weights is not None:
            self.cfg["tag_weights"] = self._weigh(counts)
        self.cfg["calibration"] = {}
        initialize_head(self.model, sample, len(self.labels))
        tags = [(prefix, label) for prefix in bioes.PREFIXES for label in self.labels]
        frequency = np.array([counts["O", ""], *(counts[tag] for tag in tags)])
        set_prior(cast(TagScorer, shim_of(self.model).module), frequency)

    def _weigh(self, counts: Counter[tuple[str, str]]) -> list[float]:
        """The weights of O and of each label."""
        tokens = [sum(counts[prefix, label] for prefix in bioes.PREFIXES) for label in self.labels]
        classes = [OUTSIDE_LABEL, *self.labels]
        return weigh_classes(self.class_weights, classes, np.array([counts["O", ""], *tokens]))

    def read_gold(self, examples: list[Example]) -> GoldEntities | None:
        """RETURNS (GoldEntities): See `read_gold_entities`."""
        return read_gold_entities(examples, self.labels, self.incorrect_spans_key)

    def loss_counts(self, examples: list[Example]) -> dict[str, float]:
        """RETURNS (dict): Annotated tokens, and spans known to be incorrect."""
        gold = self.read_gold(examples) if examples else None
        if gold is None:
            return {"tokens": 0, "incorrect": 0}
        annotated = int((gold.tags != bioes.MISSING).sum())
        return {"tokens": annotated, "incorrect": len(gold.incorrect)}

    def compute_loss(self, gold: GoldEntities, outputs: Tensors) -> torch.Tensor:
        """Mean over the annotated tokens, so that the learning rate does not depend on the size of
        the batch. A span known to be incorrect adds -log(1 - its probability)."""
        scores, transitions = outputs
        batch = pack(gold.lengths, scores.device)
        packed = scores[batch.to_packed].T
        tags = torch.as_tensor(gold.tags, device=scores.device)
        if self._learns_sequences:
            loss = sequence_loss(packed, transitions, batch, tags[batch.to_packed])
        else:
            loss = token_loss(
                self._tag_log_probs(scores, packed, transitions, batch),
                tags,
                class_weights=self._tag_weights(scores),
                label_smoothing=self.label_smoothing,
                focal_gamma=self.focal_gamma,
            )
        loss = loss * self.share("tokens")
        if len(gold.incorrect):
            incorrect = torch.as_tensor(gold.incorrect, device=scores.device)
            wrong = incorrect_loss(packed, transitions, batch, incorrect)
            loss = loss + wrong * self.share("incorrect")
        return loss

    @property
    def _learns_sequences(self) -> bool:
        by_token = self.label_smoothing or self.focal_gamma or self.class_weights is not None
        return self.model.attrs["decoder"] == "crf" and not by_token

    def _tag_log_probs(
        self,
        scores: torch.Tensor,
        packed: torch.Tensor,
        transitions: torch.Tensor,
        batch: PackedBatch,
    ) -> torch.Tensor:
        """Log-probability of each tag at each token, in flat order."""
        if self.model.attrs["decoder"] == "viterbi":
            return scores.log_softmax(-1)
        lattice = crf.run(packed, transitions, batch)
        return crf.log_marginals(lattice, crf.backward(lattice, batch))[:, batch.to_flat].T

    def _tag_weights(self, like: torch.Tensor) -> torch.Tensor | None:
        weights = self.cfg["tag_weights"]
        if weights is None:
            return None
        return torch.tensor([weights[0], *weights[1:] * 4], device=like.device, dtype=like.dtype)

    def predict(self, docs: Iterable[Doc]) -> Entities:
        """Find the entities of a batch, without changing the documents.

        docs (Iterable): The documents.
        RETURNS (Entities): All entities, those below the threshold too, with calibrated
            probabilities.
        """
        scores = self.predict_scores(list(docs))
        if scores is None:
            return no_entities(len(self.labels))
        calibration = self.cfg["calibration"]
        entities = decode(scores, temperature=calibration.get("temperature", 1.0))
        probs = rescale(entities.probs, calibration.get("scale", 1.0), calibration.get("bias", 0.0))
        # Rounded: the last digits of double precision depend on what else is in the batch.
        return Entities(entities.doc, entities.spans, probs.astype("float32"))

    def predict_scores(self, docs: list[Doc]) -> TagScores | None:
        """RETURNS (TagScores): What the entities are decoded from; None without a token."""
        if not any(len(doc) for doc in docs):
            return None
        scores, transitions = self.model.predict(docs)
        lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        return TagScores(scores, transitions, lengths, allowed_tags(docs, len(self.labels)))

    def _thresholds(self) -> np.ndarray:
        by_label = self.cfg["calibration"].get("thresholds", {})
        return np.array([by_label.get(label, self.threshold) for label in self.labels])

    def set_annotations(self, docs: Iterable[Doc], entities: Entities) -> None:
        """Write `doc.ents`; entities and blocked tokens that were there before are kept. What is
        left out for its low confidence is listed in `doc._.abstained`.

        docs (Iterable): The documents.
        entities (Entities): What `predict` returned for them.
        """
        docs = list(docs)
        ends = np.searchsorted(entities.doc, np.arange(len(docs)), side="right").tolist()
        limits = self._thresholds()[entities.spans[:, 2]]
        enough = entities.confidence >= limits
        start = 0
        for doc, end in zip(docs, ends, strict=True):
            rows = np.arange(start, end)
            self._write(doc, entities, rows[enough[rows]])
            dropped = self._dropped(doc, entities, rows[~enough[rows]], limits)
            note_abstention(doc, self.name, dropped)
            start = end

    def _write(self, doc: Doc, entities: Entities, rows: np.ndarray) -> None:
        kept = list(doc.ents)
        forget_confidence(doc, kept)
        spans = entities.spans[rows].tolist()
        found = [Span(doc, a, b, label=self.labels[label]) for a, b, label in spans]
        doc.set_ents([*kept, *found], blocked=_blocked(doc))
        confidence = entities.confidence[rows].tolist()
        for row, span, value in zip(rows.tolist(), found, confidence, strict=True):
            span._.confidence = value
            if self.alternatives:
                span._.alternatives = self._alternatives(entities, row)

    def _dropped(
        self, doc: Doc, entities: Entities, rows: np.ndarray, limits: np.ndarray
    ) -> dict[str, Any] | None:
        """What was left out of a document; "value" and "limit" are those of the most probable."""
        if not len(rows):
            return None
        confidence = entities.confidence[rows].tolist()
        listed = [
            {
                "start": doc[a].idx,
                "end": doc[b - 1].idx + len(doc[b - 1]),
                "label": self.labels[label],
                "confidence": value,
            }
            for (a, b, label), value in zip(entities.spans[rows].tolist(), confidence, strict=True)
        ]
        best = int(np.argmax(confidence))
        return {
            "reason": "threshold",
            "value": confidence[best],
            "limit": float(limits[rows[best]]),
            "entities": listed,
        }

    def _alternatives(self, entities: Entities, row: int) -> list[list[Any]]:
        """The next-best labels for the boundaries of an entity as [label, probability] pairs."""
        probs = entities.probs[row]
        others = [i for i in np.argsort(-probs).tolist() if i != entities.spans[row, 2]]
        return [[self.labels[i], float(probs[i])] for i in others[: self.alternatives]]


def sequence_loss(
    packed: torch.Tensor, transitions: torch.Tensor, batch: PackedBatch, tags: torch.Tensor
) -> torch.Tensor:
    """Negative log-likelihood of the annotated tags per annotated token.

    packed (Tensor): Tag scores in packed order, shape (tags, tokens).
    tags (Tensor): Gold tags in packed order, shape (tokens,).
    RETURNS (Tensor): A scalar.
    """
    annotated = tags != bioes.MISSING
    one = torch.arange(len(packed), device=tags.device).unsqueeze(1) == tags
    losses = crf.nll(packed, transitions, batch, one | ~annotated)
    return losses.sum() / annotated.sum().clamp(min=1)


def incorrect_loss(
    packed: torch.Tensor, transitions: torch.Tensor, batch: PackedBatch, incorrect: torch.Tensor
) -> torch.Tensor:
    """-log(1 - probability) of spans known to be no entity, mean over the spans.

    incorrect (Tensor): Rows of first token, last token and label number or -1, shape (spans, 3).
    RETURNS (Tensor): A scalar.
    """
    lattice = crf.run(packed, transitions, batch)
    beta = crf.backward(lattice, batch)
    probs = crf.span_log_probs(lattice, beta, batch, incorrect[:, 0], incorrect[:, 1]).exp()
    labels = incorrect[:, 2]
    one = probs.gather(1, labels.clamp(min=0).unsqueeze(1)).squeeze(1)
    prob = torch.where(labels < 0, probs.sum(1), one)
    return -torch.log1p(-prob.clamp(max=1 - 1e-6)).mean()


def allowed_tags(docs: list[Doc], n_labels: int) -> np.ndarray | None:
    """Which tags the tokens may get: O only where an entity or a block is set already, and no first
    or last token of an entity on white space.

    RETURNS (ndarray): Booleans, shape (tokens, tags); None if everything is allowed.
    """
    tokens = np.concatenate([doc.to_array(["ENT_IOB", "IS_SPACE"]) for doc in docs if len(doc)])
    taken = (tokens[:, 0] == BEGIN_IOB) | (tokens[:, 0] == INSIDE_IOB)
    space = tokens[:, 1] == 1
    if not taken.any() and not space.any():
        return None
    allowed = np.ones((len(tokens), bioes.n_tags(n_labels)), dtype=bool)
    allowed[taken, 1:] = False
    for prefix in "BES":
        allowed[space, bioes.tags_of(prefix, n_labels)] = False
    return allowed


def _blocked(doc: Doc) -> list[Span]:
    if not len(doc):
        return []
    array = doc.to_array(["ENT_IOB", "ENT_TYPE"])
    tokens = np.flatnonzero((array[:, 0] == BEGIN_IOB) & (array[:, 1] == 0))
    return [doc[i : i + 1] for i in tokens.tolist()]


def set_extensions() -> None:
    """Register `span._.confidence`, `span._.alternatives` and `doc._.abstained`.

    The values live where spaCy keeps custom attributes of spans (`doc.user_data`, by character
    offsets), so they survive `Doc.to_bytes`, a DocBin with user data, `n_process` and
    `Doc.to_json(underscore=["confidence"])`. The attributes of the same names on the Doc list the
    values of `doc.ents`; with them, `to_json` works on a document without entities too.
    """
    ensure_extension(Span, "confidence", default=None)
    ensure_extension(Span, "alternatives", default=None)
    ensure_extension(Doc, "abstained", default={})
    ensure_extension(Doc, "confidence", getter=entity_confidences)
    ensure_extension(Doc, "alternatives", getter=entity_alternatives)


def entity_confidences(doc: Doc) -> list[float | None]:
    """RETURNS (list): The confidence of each entity in `doc.ents`; None if it has none."""
    return [span._.confidence for span in doc.ents]


def entity_alternatives(doc: Doc) -> list[list[list[Any]] | None]:
    """RETURNS (list): The alternatives of each entity in `doc.ents`; None if it has none."""
    return [span._.alternatives for span in doc.ents]


def forget_confidence(doc: Doc, kept: list[Span]) -> None:
    """Remove what an earlier run stored for spans that are not entities any more."""
    offsets = {(span.start_char, span.end_char) for span in kept}
    for key in list(doc.user_data):
        stored = isinstance(key, tuple) and key[:1] == ("._.",) and len(key) == 4
        ours = stored and key[1] in ("confidence", "alternatives") and key[2] is not None
        if ours and key[2:] not in offsets:
            del doc.user_data[key]
