"""A plain PyTorch training loop over transformers' token classification model.

The documents and batches are those of our config, so that there are as many updates, and each has
the same padded size. Texts are cut into pieces once, before anything is timed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import torch
from spacy.training import Example
from spacy.util import load_model_from_config
from transformers import AutoModelForTokenClassification, get_linear_schedule_with_warmup
from transformers.utils import logging

from ...files import replaced_folder, write_json
from ..settings import Paths
from .hf_pipeline import STEPS_FILE, Span, load_tokenizer
from .training_data import (
    configured_batch_size,
    read_config,
    read_examples,
    shuffled,
    training_settings,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEARNING_RATE = 5e-5
WEIGHT_DECAY = 0.01
LONGEST_GRADIENT = 1.0
IGNORED = -100  # torch's cross entropy leaves these labels out
SURE = 10.0


class HuggingFaceTrainer:
    """See `Trainer`.

    paths (Paths): Corpora, encoder and our config.
    documents (int): Documents per epoch, 0: all.
    steps (int): Length of the learning-rate schedule.
    """

    def __init__(self, paths: Paths, documents: int, steps: int = 1200) -> None:
        logging.set_verbosity_error()
        nlp = load_model_from_config(read_config(paths.ours_config, paths), auto_fill=True)
        settings = training_settings(nlp)
        self.batcher = settings["batcher"]
        self.batch_size = configured_batch_size(nlp)
        self.batch_sizes: tuple[int, ...] = (self.batch_size,)
        every = read_examples(nlp, settings, 0)
        self.examples = every[: documents or None]
        self.documents = len(self.examples)
        self.characters = sum(len(eg.reference.text) for eg in self.examples)
        torch.manual_seed(settings["seed"] or 0)
        self.model = token_classifier(paths.encoder, tag_names(every))
        self.tokenizer = load_tokenizer(paths.encoder, self.model.config)
        self.encoded = {id(eg): self._encode(eg) for eg in self.examples}
        self.optimizer = torch.optim.AdamW(  # fused: the fastest that torch has
            self.model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
        )
        self.schedule = get_linear_schedule_with_warmup(self.optimizer, steps // 10, steps)
        self._epochs = 0

    @property
    def torch_encoder(self) -> torch.nn.Module:
        return self.model.base_model

    def epoch(self) -> int:
        self._epochs += 1
        self.model.train()
        updates = 0
        for batch in self.batcher(shuffled(self.examples, self._epochs)):
            self.update(batch)
            updates += 1
        return updates

    def update(self, batch: list[Example]) -> float:
        """Learn one batch.

        batch (list[Example]): Examples of this trainer.
        RETURNS (float): The loss.
        """
        loss = self.model(**self._inputs(batch)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), LONGEST_GRADIENT)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return loss.item()

    def fit(self, steps: int, folder: Path) -> None:
        """Learn for so many updates, then save.

        steps (int): Updates.
        folder (Path): Where; replaced if it is there.
        """
        self.model.train()
        done = 0
        while done < steps:
            self._epochs += 1
            for batch in self.batcher(shuffled(self.examples, self._epochs)):
                if done < steps:
                    self.update(batch)
                    done += 1
        self.save(folder, steps)

    def save(self, folder: Path, steps: int) -> None:
        """Write model, tokenizer and the number of updates it has seen."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replaced_folder(folder) as work:
            self.model.save_pretrained(work)
            self.tokenizer.save_pretrained(work)
            write_json(work / STEPS_FILE, {"steps": steps})

    def _encode(self, example: Example) -> tuple[list[int], list[int]]:
        doc = example.reference
        pieces = self.tokenizer(doc.text, truncation=True, return_offsets_mapping=True)
        spans = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        tags = tags_of(pieces["offset_mapping"], spans)
        ids = self.model.config.label2id
        return pieces["input_ids"], [IGNORED if tag is None else ids[tag] for tag in tags]

    def _inputs(self, batch: list[Example]) -> dict[str, Any]:
        rows = [self.encoded[id(eg)] for eg in batch]
        inputs = self.tokenizer.pad({"input_ids": [ids for ids, _ in rows]}, return_tensors="pt")
        labels = numpy.full(tuple(inputs["input_ids"].shape), IGNORED, dtype=numpy.int64)
        for row, (_, tags) in enumerate(rows):
            labels[row, : len(tags)] = tags
        return {**inputs, "labels": torch.from_numpy(labels)}


def token_classifier(encoder: Path, tags: list[str]) -> PreTrainedModel:
    """RETURNS (PreTrainedModel): The encoder with a fresh head over these tags."""
    names = dict(enumerate(tags))
    return AutoModelForTokenClassification.from_pretrained(
        encoder, id2label=names, label2id={tag: i for i, tag in names.items()}
    )


def tag_names(examples: Iterable[Example]) -> list[str]:
    """RETURNS (list): O, then B- and I- of every label in the examples."""
    labels = sorted({ent.label_ for eg in examples for ent in eg.reference.ents})
    return ["O", *(f"{edge}-{label}" for label in labels for edge in "BI")]


def tags_of(offsets: list[tuple[int, int]], spans: list[Span]) -> list[str | None]:
    """Tag word pieces: a piece belongs to the span it overlaps.

    offsets (list): Start and end of each piece in the text; equal for special pieces.
    spans (list): Start, end, label; not overlapping.
    RETURNS (list): O, B-label (first piece of a span) or I-label; None for special pieces.
    """
    tags: list[str | None] = [None if start == end else "O" for start, end in offsets]
    for first, last, label in spans:
        edge = "B"
        for i, (start, end) in enumerate(offsets):
            if start < end and start < last and end > first:
                tags[i] = f"{edge}-{label}"
                edge = "I"
    return tags


def build_untrained(paths: Paths) -> None:
    """Save a model with a fresh head that always says "no entity"."""
    trainer = HuggingFaceTrainer(paths, documents=1)
    head = getattr(trainer.model, "classifier", None)
    if head is not None and getattr(head, "bias", None) is not None:
        with torch.no_grad():
            head.bias[0] += SURE
    trainer.save(paths.hf / "untrained", 0)
