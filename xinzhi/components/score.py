"""`xinzhi_score`: real-valued scores of a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import torch
from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ..errors import XinzhiError
from ..layers.classifier import carry_over
from ..layers.head import Tensors, initialize_head, n_out, predict_documents, shim_of
from ..layers.losses import regression_loss
from .base import SAMPLE_SIZE, HeadPipe, ensure_extension, read_examples
from .score_scorer import values_score
from .score_values import check_bounds, describe, gold_scores, new_scale, standardised

LOSSES = ("mse", "huber", "ranking")

DEFAULT_CONFIG = """
[model]
@architectures = "xinzhi.DocRegressor.v1"
pooling = "mean"
hidden_width = 0
dropout = 0.1
l2 = 0.0

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
    "xinzhi_score",
    assigns=["doc._.scores"],
    default_config={
        "model": Config().from_str(DEFAULT_CONFIG)["model"],
        "scores": None,
        "loss": "mse",
        "scorer": {"@scorers": "xinzhi.score_scorer.v1"},
    },
    default_score_weights={"score_spearman": 1.0, "score_values": None},
)
def make_score(
    nlp: Language,
    name: str,
    model: Model,
    scores: dict[str, dict[str, float]] | None,
    loss: Literal["mse", "huber", "ranking"],
    scorer: Callable | None,
) -> ScorePredictor:
    """Make an `xinzhi_score` component; see `ScorePredictor` for the settings."""
    return ScorePredictor(nlp.vocab, model, name, scores=scores, loss=loss, scorer=scorer)


@registry.scorers("xinzhi.score_scorer.v1")
def make_score_scorer() -> Callable[..., dict[str, Any]]:
    """RETURNS (Callable): `values_score`."""
    return values_score


class ScorePredictor(HeadPipe):
    """Predict real values of a document, in `doc._.scores[name]`.

    Gold values are in `doc.user_data["scores"]`: name -> value; a name that is absent is not
    annotated. The model learns standardised values (mean 0, deviation 1 in the training data), so
    the learning rate does not depend on their scale. A document without tokens gets the value of an
    empty text.

    Models that read entities (`xinzhi.InteractionRegressor.v1`) are trained on the gold entities
    where the predicted document has none set.

    vocab (Vocab): The shared vocabulary.
    model (Model): See `xinzhi.DocRegressor.v1` and `xinzhi.InteractionRegressor.v1`.
    name (str): Name of the component.
    scores (dict): name -> {"low": …, "high": …}, both or neither: bounds that predictions keep and
        gold values must keep. None: all names of the training data, without bounds.
    loss (str): "mse", "huber" (less drawn by outliers), or "ranking" (also the order of each pair
        of documents in a batch).
    scorer (Callable): The scorer.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "xinzhi_score",
        *,
        scores: dict[str, dict[str, float]] | None = None,
        loss: str = "mse",
        scorer: Callable | None = values_score,
    ) -> None:
        if loss not in LOSSES:
            raise XinzhiError(f"loss = {loss!r} is not known.", f"Use one of {', '.join(LOSSES)}.")
        for score, bounds in (scores or {}).items():
            check_bounds(score, bounds)
        self.vocab = vocab
        self.model = model
        self.name = name
        self.declared_scores = scores
        self.loss = loss
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"scores": {}}
        ensure_extension(Doc, "scores", default={})

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple): The names of the scores."""
        return tuple(self.cfg["scores"])

    @property
    def label_data(self) -> dict[str, dict[str, float]]:
        """RETURNS (dict): The scores with bounds, mean and deviation, for `spacy init labels`."""
        return {name: dict(values) for name, values in self.cfg["scores"].items()}

    def add_label(self, label: str) -> int:
        """Add a score to the component, without bounds; see `add_score`.

        label (str): Its name.
        RETURNS (int): 1 if it is new, else 0.
        """
        if label in self.cfg["scores"]:
            return 0
        self.add_score(label)
        return 1

    def add_score(
        self,
        name: str,
        *,
        low: float | None = None,
        high: float | None = None,
        mean: float | None = None,
        deviation: float | None = None,
    ) -> None:
        """Add a score; what a trained model knows about the others is kept.

        name (str): Its name.
        low, high (float): Its bounds: both or neither.
        mean, deviation (float): About what its gold values are, so that training starts there and
            the learning rate fits. Default: 0 and 1, or the middle and a quarter of the bounds.
        RAISES (XinzhiError): If the score exists, or the numbers make no sense.
        """
        if not isinstance(name, str) or not name:
            raise XinzhiError(f"{name!r} is no name of a score.", "Names are non-empty strings.")
        if name in self.cfg["scores"]:
            raise XinzhiError(
                f"Component '{self.name}' has a score '{name}' already.", "Use another name."
            )
        self.cfg["scores"][name] = new_scale(name, low, high, mean, deviation)
        if n_out(self.model) is not None:
            shim_of(self.model).resize(carry_over, n_out=[1] * len(self.cfg["scores"]))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, dict[str, float]] | None = None,
    ) -> None:
        """Read names, means and deviations from the training data and build the model.

        get_examples (Callable): Returns the training examples.
        nlp (Language): The pipeline.
        labels (dict): The scores, as `label_data` returns them.
        RAISES (XinzhiError): If there is no score.
        """
        validate_get_examples(get_examples, "ScorePredictor.initialize")
        declared = labels or self.declared_scores or {}
        sample: list[Doc] = []
        seen: dict[str, list[float]] = {name: [] for name in declared}
        for example in read_examples(get_examples, self.name):
            if len(sample) < SAMPLE_SIZE and len(example.predicted):
                sample.append(example.predicted)
            for name, value in gold_scores(example.reference, declared).items():
                if name in declared or not declared:
                    seen.setdefault(name, []).append(value)
        if not seen:
            raise XinzhiError(
                f"Component '{self.name}': no document of the training data has a score.",
                "Put scores into doc.user_data['scores'], or remove the component.",
            )
        names = list(declared) or sorted(seen)
        self.cfg["scores"] = {n: describe(declared.get(n, {}), seen[n]) for n in names}
        initialize_head(self.model, sample, [1] * len(names))

    def training_docs(self, examples: list[Example]) -> list[Doc]:
        """RETURNS (list): The predicted documents, with gold entities if a model needs any."""
        if self.model.attrs["read_docs"] is None:
            return super().training_docs(examples)
        return [with_gold_entities(example) for example in examples]

    def read_gold(self, examples: list[Example]) -> np.ndarray | None:
        """RETURNS (ndarray): Gold values, NaN where there are none, shape (documents, scores); None
        if no document has any.

        RAISES (XinzhiError): If a value is not a finite number, or out of bounds.
        """
        names = self.cfg["scores"]
        rows = [gold_scores(example.reference, names) for example in examples]
        gold = np.array([[row.get(name, np.nan) for name in names] for row in rows])
        return None if np.isnan(gold).all() else gold

    def loss_counts(self, examples: list[Example]) -> dict[str, float]:
        """RETURNS (dict): Of each score the documents annotated with it. The pairs of the ranking
        loss are those within a part of a batch, at the same share."""
        rows = [gold_scores(example.reference, self.cfg["scores"]) for example in examples]
        return {name: sum(name in row for row in rows) for name in self.cfg["scores"]}

    def compute_loss(self, gold: np.ndarray, outputs: Tensors) -> torch.Tensor:
        """Sum over the scores; of each, the mean over the documents that are annotated with it, in
        units of its deviation in the training data."""
        losses = []
        columns = zip(gold.T, self.cfg["scores"].items(), outputs, strict=True)
        for column, (name, scale), output in columns:
            if np.isnan(column).all():
                continue
            target = torch.as_tensor(column, dtype=output.dtype, device=output.device)
            annotated = ~target.isnan()
            target = (target - scale["mean"]) / scale["deviation"]
            values = standardised(output.squeeze(1), scale)
            loss = regression_loss(values, target, annotated, kind=self.loss)
            losses.append(loss * self.share(name))
        return torch.stack(losses).sum()

    def predict(self, docs: Iterable[Doc]) -> dict[str, np.ndarray]:
        """RETURNS (dict): Per score its values, shape (documents,)."""
        docs = list(docs)
        if not docs:
            return {}
        values = {}
        outputs = predict_documents(self.model, docs)
        for (name, scale), output in zip(self.cfg["scores"].items(), outputs, strict=True):
            z = standardised(torch.as_tensor(output, dtype=torch.float64).squeeze(1), scale)
            values[name] = (z * scale["deviation"] + scale["mean"]).numpy()
        return values

    def set_annotations(self, docs: Iterable[Doc], values: dict[str, np.ndarray]) -> None:
        """Write `doc._.scores`.

        docs (Iterable): The documents.
        values (dict): What `predict` returned for them.
        """
        for row, doc in enumerate(docs):
            doc._.scores.update({name: float(column[row]) for name, column in values.items()})


def with_gold_entities(example: Example) -> Doc:
    """RETURNS (Doc): The predicted document if it has entity annotation, else a copy of it with the
    gold entities that align with its tokens."""
    if example.predicted.has_annotation("ENT_IOB"):
        return example.predicted
    doc = example.predicted.copy()
    doc.ents = example.get_aligned_spans_y2x(example.reference.ents, allow_overlap=False)
    return doc
