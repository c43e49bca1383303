"""Token vectors for prediction without spacy-transformers and transformers.

A saved pipeline may name these instead of the `transformer` factory and its listeners: same
weights, same vectors, no training. `xinzhi optimize` writes such a copy. Where the two packages are
not installed, a process with it starts in half the time. (Where they are, spaCy imports them in any
case: it loads every factory of every installed package as soon as a pipeline is made.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model, chain
from thinc.types import Floats2d, Ragged

from ..errors import XinzhiError

ATTRIBUTE = "trf_data"  # doc._.trf_data, as in spacy-transformers: doc_cleaner knows that name


@dataclass
class EncodedDoc:
    """What `doc._.trf_data` holds: the vectors of the word pieces, and which are each token's.

    vectors (Floats2d): Shape (rows, width).
    align (Ragged): Token -> rows.
    """

    vectors: Floats2d
    align: Ragged


@registry.architectures("xinzhi.EncodedTokens.v1")
def EncodedTokens_v1(pooling: Model[Ragged, Floats2d]) -> Model[list[Doc], list[Floats2d]]:
    """Reads the vectors that the component `xinzhi_encoder` has left on the documents.

    Takes the place of `spacy-transformers.TransformerListener.v1`, in prediction only.

    pooling (Model[Ragged, Floats2d]): Reduces the pieces of a token to one vector.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector per token.
    """
    reader: Model[list[Doc], list[EncodedDoc]] = Model(
        "xinzhi_read_encoded", read_docs, dims={"nO": None}
    )
    pool: Model[list[EncodedDoc], list[Floats2d]] = Model(
        "xinzhi_pool_encoded", pool_docs, layers=[pooling]
    )
    return chain(reader, pool)


def read_docs(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[EncodedDoc], Callable[[Any], list[Doc]]]:
    """RETURNS (tuple): What is on each document, nothing for one without tokens; no gradient."""
    if is_train:
        raise no_training()
    width = model.get_dim("nO")
    nothing = EncodedDoc(
        model.ops.alloc2f(0, width), Ragged(model.ops.alloc1i(0), model.ops.alloc1i(0))
    )
    return [getattr(doc._, ATTRIBUTE) or nothing for doc in docs], no_gradient


def pool_docs(
    model: Model, encoded: list[EncodedDoc], is_train: bool
) -> tuple[list[Floats2d], Callable[[Any], list[EncodedDoc]]]:
    """RETURNS (tuple): Per document its token vectors, shape (tokens, width); no gradient."""
    xp = model.ops.xp
    starts = np.cumsum([0, *(len(doc.vectors) for doc in encoded)]).tolist()
    rows = [doc.align.dataXd + start for doc, start in zip(encoded, starts, strict=False)]
    vectors = xp.concatenate([doc.vectors for doc in encoded])[xp.concatenate(rows)]
    lengths = xp.concatenate([doc.align.lengths for doc in encoded])
    pooled = model.layers[0].predict(Ragged(vectors, lengths))
    ends = np.cumsum([len(doc.align.lengths) for doc in encoded])[:-1]
    return xp.split(pooled, ends.tolist()), no_gradient


def no_gradient(_: Any) -> list:
    """RETURNS (list): Nothing: this is for prediction."""
    return []


def no_training() -> XinzhiError:
    """RETURNS (XinzhiError): What is said when someone wants to train it."""
    return XinzhiError(
        "This copy of the pipeline, written by xinzhi optimize, is for prediction only.",
        "Train the pipeline that it was made from, or give it its former settings back: "
        "xinzhi optimize FOLDER --reset",
    )
