"""A vector for every text, from the encoder of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from ..errors import XinzhiError


def document_vectors(nlp: Language, docs: Iterable[Doc]) -> np.ndarray:
    """The mean of the vectors of each text's word pieces (or tokens).

    nlp (Language): A pipeline with a shared encoder (`transformer`, or a `tok2vec`).
    docs (Iterable[Doc]): Tokenised texts; nothing is written on them.
    RETURNS (ndarray): Rows of length 1, zeros for an empty text, shape (texts, width), float32.
    RAISES (XinzhiError): The pipeline has no shared encoder.
    """
    with nlp.select_pipes(enable=[encoder_name(nlp)]):
        return unit_rows([mean_vector(doc) for doc in nlp.pipe(plain_copy(doc) for doc in docs)])


def unit_rows(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """RETURNS (ndarray): Vectors as rows of length 1; an empty one becomes zeros."""
    rows = np.zeros((len(vectors), max(map(len, vectors), default=0)), dtype=np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        row[: len(vector)] = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return rows


def mean_vector(doc: Doc) -> np.ndarray:
    """The mean of the vectors that an encoder has left on a document; they are taken off it.

    doc (Doc): The document.
    RETURNS (ndarray): Shape (width,); empty if there are none.
    """
    rows = piece_vectors(doc)
    doc.tensor = np.zeros((0,), dtype="float32")
    if Doc.has_extension("trf_data"):
        doc._.trf_data = None
    return np.zeros(0, dtype=np.float32) if rows is None or not len(doc) else rows.mean(0)


def token_vectors(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): The mean vector of the pieces of each token, shape (tokens, width)."""
    rows, align = piece_vectors(doc), doc._.trf_data.align
    return np.stack([rows[align[i].data.ravel()].mean(0) for i in range(len(doc))])


def piece_vectors(doc: Doc) -> Any:
    """RETURNS (ndarray): The vectors of word pieces, or of tokens, shape (n, width); None if no
    encoder has left any."""
    data = doc._.trf_data if Doc.has_extension("trf_data") else None
    rows: Any = doc.tensor
    if data is not None:
        rows = getattr(data.model_output, "last_hidden_state", None)  # an empty text has none
    if rows is None or not rows.size:
        return None
    array = rows.get() if hasattr(rows, "get") else rows
    return np.asarray(array, dtype=np.float32).reshape(-1, array.shape[-1])


def encoder_name(nlp: Language) -> str:
    """RETURNS (str): The component on whose vectors the others work.

    RAISES (XinzhiError): There is none.
    """
    for name in nlp.pipe_names:
        if nlp.get_pipe_meta(name).factory in ("transformer", "xinzhi_encoder", "tok2vec"):
            return name
    raise XinzhiError(
        "The pipeline has no shared encoder, so its texts have no vectors.",
        "Choose by uncertainty or at random (--strategy), or replay with --method reservoir.",
    )


def plain_copy(doc: Doc) -> Doc:
    """RETURNS (Doc): The same tokens without annotation."""
    return Doc(doc.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc])
