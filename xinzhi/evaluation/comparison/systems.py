"""What is compared: a pipeline that predicts now, or predictions that were stored."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab

from ...components.base import ensure_extension, record_of
from ...errors import XinzhiError
from ..evaluate import predict_corpus, read_examples
from ..heads import stored_thresholds


@dataclass(frozen=True)
class System:
    """Something that has predicted a corpus.

    name (str): The folder, package or file.
    examples (Sequence): Its predictions, beside the gold documents.
    thresholds (dict): Thresholds of spaCy's text classifiers, see `heads.stored_thresholds`.
    """

    name: str
    examples: Sequence[Example]
    thresholds: dict[str, float]


def read_system(source: str | Path, corpus: Path, gpu_id: int = -1) -> System:
    """Predict a corpus, or read predictions of it.

    source (str / Path): A pipeline (folder or package), or predictions: a .spacy file or a folder
        of them, with the documents of the corpus in its order.
    corpus (Path): The gold documents, a .spacy file or a folder of them.
    gpu_id (int): The number of the GPU that a pipeline runs on, -1 for the CPU.
    RETURNS (System): The predictions.
    RAISES (XinzhiError): Something cannot be read, or the predictions are of other documents.
    """
    files = prediction_files(Path(source))
    if files:
        return System(str(source), _stored_predictions(files, corpus), {})
    predictions = predict_corpus(source, corpus, gpu_id)
    return System(str(source), predictions.examples, stored_thresholds(predictions.nlp))


def prediction_files(source: Path) -> list[Path]:
    """RETURNS (list): The .spacy files that a source is; empty if it is a pipeline."""
    if source.is_file():
        return [source]
    if not source.is_dir() or (source / "config.cfg").is_file():
        return []
    return sorted(source.rglob("*.spacy"))


def _stored_predictions(files: list[Path], corpus: Path) -> list[Example]:
    ensure_extension(Doc, "decisions", default={})
    ensure_extension(Doc, "scores", default={})
    nlp = spacy.blank("xx")
    gold = [example.reference for example in read_examples(nlp, corpus)]
    predicted = [doc for file in files for doc in _read(file, nlp.vocab)]
    if len(predicted) != len(gold):
        raise XinzhiError(
            f"{files[0]}: {len(predicted)} predicted documents, but {corpus} holds {len(gold)}.",
            "Predict that corpus: python -m spacy apply PIPELINE CORPUS PREDICTIONS.spacy",
        )
    for number, (guess, right) in enumerate(zip(predicted, gold, strict=True), 1):
        if guess.text != right.text:
            raise XinzhiError(
                f"{files[0]}: document {number} begins with {guess.text[:20]!r}, but in {corpus} "
                f"it is {record_of(right)}, {right.text[:20]!r}.",
                "Predict that corpus, in its order.",
            )
    return [Example(guess, right) for guess, right in zip(predicted, gold, strict=True)]


def _read(file: Path, vocab: Vocab) -> list[Doc]:
    try:
        return list(DocBin().from_disk(file).get_docs(vocab))
    except (ValueError, KeyError, OSError, zlib.error) as err:
        raise XinzhiError(
            f"{file} cannot be read as predictions: {err}",
            "Make it with: python -m spacy apply PIPELINE CORPUS PREDICTIONS.spacy",
        ) from err
