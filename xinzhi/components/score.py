"""`xinzhi_score`: real-valued scores of a document."""

from __future__ import annotations

import math
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
from ..layers.head import Tensors, initialize_head, predict_documents
from ..layers.losses import regression_loss
from .base import SAMPLE_SIZE, HeadPipe, ensure_extension, read_examples, record_of
from .metrics import mean_or_none, spearman

GOLD_KEY = "scores"
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


def values_score(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Score all values that were predicted, each on the documents that are annotated with it.

    RETURNS (dict): "score_values": name -> mae, rmse, spearman, r2, n; "score_NAME_mae" and so on
        for each; "score_spearman" and "score_mae": means over the names. Values are None if there
        is nothing to score, spearman and r2 also if all gold values are the same.
    """
    pairs = value_pairs(examples)
    values = {name: measure(np.array(pairs[name]).reshape(-1, 2)) for name in sorted(pairs)}
    scores: dict[str, Any] = {"score_values": values}
    for name, measured in values.items():
        scores.update({f"score_{name}_{key}": value for key, value in measured.items()})
    for key in ("spearman", "mae"):
        scores[f"score_{key}"] = mean_or_none([measured[key] for measured in values.values()])
    return scores


def value_pairs(examples: Iterable[Example]) -> dict[str, list[tuple[float, float]]]:
    """Put gold and predicted values side by side.

    RETURNS (dict): Every score that is predicted -> (gold, predicted) of each annotated document.
    RAISES (XinzhiError): If a gold value is no finite number.
    """
    pairs: dict[str, list[tuple[float, float]]] = {}
    known = Doc.has_extension("scores")
    for example in examples:
        gold = gold_scores(example.reference, {})
        for name, value in (example.predicted._.scores if known else {}).items():
            pairs.setdefault(name, [])
            if name in gold:
                pairs[name].append((gold[name], value))
    return pairs


def measure(pairs: np.ndarray) -> dict[str, Any]:
    """Compare gold and predicted values.

    pairs (ndarray): Rows of gold and predicted value, shape (documents, 2).
    RETURNS (dict): mae, rmse, spearman, r2, n.
    """
    if not len(pairs):
        return {"mae": None, "rmse": None, "spearman": None, "r2": None, "n": 0}
    gold, predicted = pairs.T
    error = predicted - gold
    spread = ((gold - gold.mean()) ** 2).sum()
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "spearman": spearman(gold, predicted),
        "r2": float(1 - (error**2).sum() / spread) if spread else None,
        "n": len(pairs),
    }


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

    def compute_loss(self, gold: np.ndarray, outputs: Tensors) -> torch.Tensor:
        """Sum over the scores; of each, the mean over the documents that are annotated with it, in
        units of its deviation in the training data."""
        losses = []
        for column, scale, output in zip(gold.T, self.cfg["scores"].values(), outputs, strict=True):
            if np.isnan(column).all():
                continue
            target = torch.as_tensor(column, dtype=output.dtype, device=output.device)
            annotated = ~target.isnan()
            target = (target - scale["mean"]) / scale["deviation"]
            losses.append(
                regression_loss(
                    standardised(output.squeeze(1), scale), target, annotated, kind=self.loss
                )
            )
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


def check_bounds(name: str, bounds: dict[str, float]) -> None:
    """RAISES (XinzhiError): If the bounds of a score are not a range."""
    if not bounds:
        return
    low, high = bounds.get("low", math.nan), bounds.get("high", math.nan)
    if not low < high or math.isinf(low) or math.isinf(high):
        raise XinzhiError(
            f"Score '{name}' has the bounds {bounds}.", "Give both low and high, low < high."
        )


def describe(bounds: dict[str, float], values: list[float]) -> dict[str, float]:
    """RETURNS (dict): The bounds of a score, if any, and mean and deviation of its gold values."""
    mean = float(np.mean(values)) if values else bounds.get("mean", 0.0)
    deviation = float(np.std(values)) if values else bounds.get("deviation", 1.0)
    return {**bounds, "mean": mean, "deviation": deviation or 1.0}


def gold_scores(doc: Doc, scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """Read the gold values of a document.

    scores (dict): Bounds by name, where there are any.
    RETURNS (dict): name -> value.
    RAISES (XinzhiError): If a value is not a finite number, or out of bounds.
    """
    gold = doc.user_data.get(GOLD_KEY, {})
    for name, value in gold.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise XinzhiError(
                f"{record_of(doc)}: the score '{name}' is {value!r}.",
                "Scores must be finite numbers; leave a score out if it is not annotated.",
            )
        bounds = scores.get(name, {})
        if "low" in bounds and not bounds["low"] <= value <= bounds["high"]:
            raise XinzhiError(
                f"{record_of(doc)}: the score '{name}' is {value}, outside of "
                f"{bounds['low']} to {bounds['high']}.",
                "Correct the value, or the bounds in the config.",
            )
    return gold


def standardised(output: torch.Tensor, scale: dict[str, float]) -> torch.Tensor:
    """Turn the output of the model into a standardised value. With bounds, through a sigmoid that
    stays between them and maps 0 to the mean.

    output (Tensor): Shape (documents,).
    scale (dict): mean, deviation, and perhaps low and high.
    RETURNS (Tensor): Shape (documents,).
    """
    if "low" not in scale:
        return output
    width = (scale["high"] - scale["low"]) / scale["deviation"]
    share = (scale["mean"] - scale["low"]) / (scale["high"] - scale["low"])
    share = min(max(share, 0.01), 0.99)
    low = (scale["low"] - scale["mean"]) / scale["deviation"]
    offset = math.log(share / (1 - share))
    return low + width * torch.sigmoid(4 * output / width + offset)


def with_gold_entities(example: Example) -> Doc:
    """RETURNS (Doc): The predicted document if it has entity annotation, else a copy of it with the
    gold entities that align with its tokens."""
    if example.predicted.has_annotation("ENT_IOB"):
        return example.predicted
    doc = example.predicted.copy()
    doc.ents = example.get_aligned_spans_y2x(example.reference.ents, allow_overlap=False)
    return doc
