"""Prediction with transformers' token-classification pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline
from transformers.utils import logging

if TYPE_CHECKING:
    import torch

BATCH_SIZES = (1, 8, 32)  # 1 is the pipeline's default; it does not sort by length
STEPS_FILE = "steps.json"
Span = tuple[int, int, str]


class HuggingFacePredictor:
    """See `Predictor`.

    folder (Path): Model and tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        logging.set_verbosity_error()
        self.model = AutoModelForTokenClassification.from_pretrained(folder)
        self.tokenizer = load_tokenizer(folder, self.model.config)
        self.pipeline: Any = pipeline(
            "token-classification",
            model=self.model,
            tokenizer=self.tokenizer,
            aggregation_strategy="simple",
            stride=self.tokenizer.model_max_length // 4,
            device="cpu",
        )
        steps = folder / STEPS_FILE
        self.trained = steps.is_file() and json.loads(steps.read_text())["steps"] > 0
        self.precision = "fp32"
        self.batch_sizes: tuple[int, ...] = BATCH_SIZES
        self.batch_size = BATCH_SIZES[-1]

    @property
    def torch_encoder(self) -> torch.nn.Module:
        return self.model.base_model

    def stream(self, texts: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
        return iter(self.pipeline((text for text in texts), batch_size=self.batch_size))

    def one(self, text: str) -> list[dict[str, Any]]:
        return self.pipeline(text)

    def encode(self, texts: list[str]) -> None:
        import torch

        inputs = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            self.torch_encoder(**inputs)

    def lengths(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self.tokenizer(texts)["input_ids"]]

    def score(self, corpus: Path) -> dict[str, float | None]:
        import spacy
        from spacy.tokens import DocBin

        docs = [d for d in DocBin().from_disk(corpus).get_docs(spacy.blank("zh").vocab) if d.text]
        gold = [{(e.start_char, e.end_char, e.label_) for e in doc.ents} for doc in docs]
        found = [
            {(e["start"], e["end"], e["entity_group"]) for e in entities}
            for entities in self.stream([doc.text for doc in docs])
        ]
        return {"entities_f1": span_f1(gold, found)}


def load_tokenizer(folder: Path, config: Any) -> Any:
    """RETURNS (PreTrainedTokenizerFast): The tokenizer, limited to the positions of the model."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = min(tokenizer.model_max_length, config.max_position_embeddings)
    return tokenizer


def span_f1(gold: Sequence[set[Span]], found: Sequence[set[Span]]) -> float:
    """RETURNS (float): Micro-F1 of exact spans with label, 0 if there is nothing right."""
    right = sum(len(a & b) for a, b in zip(gold, found, strict=True))
    total = sum(map(len, gold)) + sum(map(len, found))
    return 2 * right / total if total else 0.0
