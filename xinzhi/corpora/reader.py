"""`xinzhi.Corpus.v1`: several corpora with different annotations as one stream of examples."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.corpus import walk_corpus

from ..errors import XinzhiError

logger = logging.getLogger("spacy")
FILE_TYPE = ".spacy"
LAYERS = ("ents", "cats", "scores")


@registry.readers("xinzhi.Corpus.v1")
def create_corpus(
    sources: dict[str, dict[str, Any]],
    temperature: float = 1.0,
    max_length: int = 0,
    limit: int = 0,
    shuffle: bool = False,
    augmenter: Callable | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """Read several corpora; each document keeps the annotations it has, and the rest is missing.

    sources (dict): name -> {"path": a .spacy file or a folder of them, "weight": 1.0,
        "unannotated": […]}. A weight of 2 shows the documents of a source twice as often.
        "unannotated" lists layers ("ents", "cats", "scores") to ignore, for files that hold empty
        annotation where there is none.
    temperature (float): 1 mixes the sources by their size; higher values make the shares more
        equal: share ~ weight * size ** (1 / temperature) (as in Arivazhagan et al. 2019). No
        document is left out; those of a source that is too small are repeated.
    max_length (int): Split longer documents (in tokens) into sentences, which keep only entities;
        leave them out if they have no sentences. 0 is no limit.
    limit (int): Read only so many documents of each source; 0 reads all.
    shuffle (bool): Shuffle at every call (spaCy's training shuffles by itself unless
        max_epochs = -1).
    augmenter (Callable): As for spaCy's reader.
    RETURNS (Callable): Takes the pipeline, yields examples.
    """
    return MixedCorpus(
        [parse_source(name, settings) for name, settings in sources.items()],
        temperature=temperature,
        max_length=max_length,
        limit=limit,
        shuffle=shuffle,
        augmenter=augmenter,
    )


@dataclass(frozen=True)
class Source:
    """One corpus of a mixture; see `create_corpus`."""

    name: str
    path: Path
    weight: float
    unannotated: tuple[str, ...]


def parse_source(name: str, settings: dict[str, Any]) -> Source:
    """RETURNS (Source): The checked settings of one source.

    RAISES (XinzhiError): If they cannot be used.
    """
    known = {"path", "weight", "unannotated"}
    if set(settings) - known or "path" not in settings:
        raise XinzhiError(
            f"Source '{name}' of the corpus has the settings {', '.join(settings) or '(none)'}.",
            f"Give it a path, and optionally: {', '.join(sorted(known - {'path'}))}.",
        )
    source = Source(
        name,
        Path(settings["path"] or ""),
        float(settings.get("weight", 1.0)),
        tuple(settings.get("unannotated", ())),
    )
    if not settings["path"] or not source.path.exists():
        raise XinzhiError(
            f"Source '{name}': {settings['path'] or 'an empty path'} does not exist.",
            "Correct the path, or make the file with: xinzhi convert FILE.jsonl FOLDER",
        )
    if not source.weight > 0:
        raise XinzhiError(f"Source '{name}' has the weight {source.weight}.", "Use more than 0.")
    if set(source.unannotated) - set(LAYERS):
        raise XinzhiError(
            f"Source '{name}': unannotated = {list(source.unannotated)}.",
            f"Use some of {', '.join(LAYERS)}.",
        )
    return source


class MixedCorpus:
    """Iterate over the examples of several corpora; see `create_corpus`."""

    def __init__(
        self,
        sources: list[Source],
        *,
        temperature: float = 1.0,
        max_length: int = 0,
        limit: int = 0,
        shuffle: bool = False,
        augmenter: Callable | None = None,
    ) -> None:
        if not sources:
            raise XinzhiError("The corpus has no source.", "Add [corpora.train.sources.NAME].")
        if not temperature > 0:
            raise XinzhiError(f"temperature = {temperature} of the corpus.", "Use more than 0.")
        self.sources = sources
        self.temperature = temperature
        self.max_length = max_length
        self.limit = limit
        self.shuffle = shuffle
        self.augmenter = augmenter

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read all sources.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples, source by source unless they are shuffled.
        """
        docs = [self.read_docs(nlp, source) for source in self.sources]
        weights = [source.weight for source in self.sources]
        counts = mixing_counts([len(d) for d in docs], weights, self.temperature)
        stream = [
            d[i % len(d)] for d, count in zip(docs, counts, strict=True) for i in range(count)
        ]
        if self.shuffle:
            random.shuffle(stream)
        make_examples = Corpus("", augmenter=self.augmenter)
        for doc in stream:
            example = make_examples._make_example(nlp, doc, False)
            yield from make_examples.augmenter(nlp, example)

    def read_docs(self, nlp: Language, source: Source) -> list[Doc]:
        """RETURNS (list): The gold documents of one source, split and marked as set up.

        RAISES (XinzhiError): If there are none.
        """
        files = walk_corpus(source.path, FILE_TYPE)
        reader = Corpus(source.path, limit=self.limit)
        docs: list[Doc] = []
        n_dropped = 0
        for doc in reader.read_docbin(nlp.vocab, files):
            if self.limit and len(docs) >= self.limit:
                break
            parts = self._split(doc)
            n_dropped += not parts
            docs += [mark_missing(part, source.unannotated) for part in parts]
        if n_dropped:
            logger.warning(
                "Source '%s': %d documents of more than %d tokens without sentences are left out",
                source.name,
                n_dropped,
                self.max_length,
            )
        if not docs:
            raise XinzhiError(
                f"Source '{source.name}': no document to use in {source.path}.",
                "Check the file and the settings max_length and limit.",
            )
        return docs

    def _split(self, doc: Doc) -> list[Doc]:
        if not self.max_length or len(doc) < self.max_length:
            return [doc]
        if not doc.has_annotation("SENT_START"):
            return []
        sentences = [sent for sent in doc.sents if 0 < len(sent) < self.max_length]
        parts = [sent.as_doc() for sent in sentences]
        for part in parts:
            part.cats = {}
            if "record" in doc.user_data:
                part.user_data["record"] = doc.user_data["record"]
        return parts


def mixing_counts(sizes: list[int], weights: list[float], temperature: float) -> list[int]:
    """How many documents of each source make an epoch in which none is left out.

    sizes (list): Documents per source.
    weights (list): Weight per source.
    temperature (float): See `create_corpus`.
    RETURNS (list): Documents per source, repetitions included.
    """
    shares = [
        weight * size ** (1 / temperature) for size, weight in zip(sizes, weights, strict=True)
    ]
    factor = max(size / share for size, share in zip(sizes, shares, strict=True))
    return [round(share * factor) for share in shares]


def mark_missing(doc: Doc, layers: tuple[str, ...]) -> Doc:
    """RETURNS (Doc): The document with the annotation of some layers taken off."""
    if "ents" in layers:
        doc.set_ents([], default="missing")
    if "cats" in layers:
        doc.cats = {}
    if "scores" in layers:
        doc.user_data.pop("scores", None)
    return doc
