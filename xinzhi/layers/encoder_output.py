"""The encoder's output in the form that spacy-transformers hands to its listeners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from spacy.tokens import Doc
from spacy_transformers.data_classes import FullTransformerBatch, TransformerData, WordpieceBatch
from thinc.api import get_array_module
from thinc.types import Floats2d, Floats3d, Ints2d, Ragged
from transformers.file_utils import ModelOutput

from .encoder_batch import DocRows, PreparedBatch, as_ints


@dataclass
class EncoderBatch(FullTransformerBatch):
    """A FullTransformerBatch whose docs have one vector per row: no padding, no overlap.

    flat (Floats2d): All vectors (or, on the way back, gradients), shape (n, width).
    """

    flat: Floats2d | None = None

    def unsplit_by_doc(self, arrays: list[list]) -> EncoderBatch:
        """Join the gradients of the docs that have vectors, in order."""
        xp = get_array_module(arrays[0][0])
        flat = xp.concatenate([doc[0].reshape(-1, doc[0].shape[-1]) for doc in arrays])
        return EncoderBatch(self.spans, self.wordpieces, ModelOutput(), self.align, flat=flat)


def split_output(docs: Sequence[Doc], batch: PreparedBatch, flat: Floats2d) -> EncoderBatch:
    """Give every doc its vectors.

    docs (Sequence[Doc]): The docs of the batch.
    batch (PreparedBatch): As from `prepare_batch`.
    flat (Floats2d): The vectors in the order of `batch.rows`, shape (n, width).
    RETURNS (EncoderBatch): What spacy-transformers hands to its listeners.
    """
    data, at = [], 0
    for rows in batch.docs:
        if rows is None:
            data.append(TransformerData.empty())
            continue
        vectors = cast(Any, flat)[at : at + len(rows.rows)]
        at += len(rows.rows)
        data.append(_doc_data(rows, cast(Floats3d, vectors[None])))
    return EncoderBatch(
        spans=[[doc[:]] if len(doc) else [] for doc in docs],
        wordpieces=WordpieceBatch.empty(),
        model_output=ModelOutput(last_hidden_state=cast(Any, flat)[None]),
        align=Ragged(as_ints(np.zeros(0)), as_ints(np.zeros(0))),
        cached_doc_data=data,
        flat=flat,
    )


def _doc_data(rows: DocRows, vectors: Floats3d) -> TransformerData:
    pieces = rows.pieces
    return TransformerData(
        wordpieces=WordpieceBatch(
            strings=[pieces.strings],
            input_ids=cast(Ints2d, pieces.ids[None]),
            attention_mask=cast(Floats2d, np.ones((1, len(pieces.ids)), dtype="f")),
            lengths=[len(pieces.ids)],
            token_type_ids=None,
        ),
        model_output=ModelOutput(last_hidden_state=vectors),
        align=rows.alignment,
    )
