"""Prediction with any spaCy pipeline that has a `transformer`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import spacy
from spacy.tokens import Doc

if TYPE_CHECKING:
    import torch


class SpacyPredictor:
    """See `Predictor`.

    folder (Path): The pipeline.
    """

    def __init__(self, folder: Path) -> None:
        self.nlp = spacy.load(folder)
        self.trained = bool(self.nlp.meta.get("performance"))
        settings = self.nlp.config["components"]["transformer"]["model"]
        self.precision: str = settings.get("predict_precision", "fp32")
        self.batch_size = self.nlp.batch_size or 1000
        self.batch_sizes: tuple[int, ...] = (self.batch_size,)

    @property
    def model(self) -> Any:
        """RETURNS (Model): The Thinc model of the encoder; it has `tokenizer` and `transformer`."""
        return self.nlp.get_pipe("transformer").model  # type: ignore[attr-defined]

    @property
    def torch_encoder(self) -> torch.nn.Module:
        model = self.model
        return model.runtime if hasattr(model, "runtime") else model.transformer

    def stream(self, texts: Iterable[str]) -> Iterator[Doc]:
        return self.nlp.pipe(texts, batch_size=self.batch_size)

    def one(self, text: str) -> Doc:
        return self.nlp(text)

    def encode(self, texts: list[str]) -> None:
        self.model.predict([self.nlp.make_doc(text) for text in texts])

    def lengths(self, texts: list[str]) -> list[int]:
        tokenizer = self.model.tokenizer
        if callable(tokenizer):  # transformers' own
            return [len(ids) for ids in tokenizer(texts)["input_ids"]]
        special = len(tokenizer.prefix) + len(tokenizer.suffix)
        return [len(pieces.ids) + special for pieces in tokenizer.encode(texts)]

    def score(self, corpus: Path) -> dict[str, float | None]:
        from ...evaluation.evaluate import evaluate

        scores = evaluate(self.nlp, corpus)
        entities = scores["entities"]
        heads = {
            name: head["accuracy"] if head["exclusive"] else head["micro"]["f1"]
            for name, head in scores["heads"].items()
            if head is not None
        }
        return {"entities_f1": entities and entities["f1"], **heads}
