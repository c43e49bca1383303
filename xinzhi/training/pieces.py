"""`xinzhi.BatchByPieces.v1`: batches of documents of similar length, counted in word pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from spacy.training import Example
from spacy.training.batchers import minibatch_by_padded_size
from spacy.util import registry

from ..encoders.sources import resolve
from ..errors import XinzhiError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Batcher = Callable[[Iterable[Example]], Iterable[list[Example]]]


class PieceCounter:
    """Counts the word pieces of an example's text; each text once.

    encoder (str): Folder, registered source or hub name, as in `xinzhi.Encoder.v1`.
    """

    def __init__(self, encoder: str) -> None:
        self.encoder = encoder
        self.counts: dict[str, int] = {}

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """RETURNS (Tokenizer): The encoder's tokenizer, loaded when it is first needed."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(resolve(self.encoder), use_fast=True)
        return tokenizer.backend_tokenizer

    def __call__(self, example: Example) -> int:
        text = example.reference.text
        if text not in self.counts:
            pieces = self.tokenizer.encode(text, add_special_tokens=False)
            self.counts[text] = len(pieces)
        return self.counts[text]


@registry.batchers("xinzhi.BatchByPieces.v1")
def create_batcher(
    encoder: str, size: int, buffer: int = 256, discard_oversize: bool = False
) -> Batcher:
    """Batch documents of similar length, so that little of the encoder's work is padding.

    spaCy's `batch_by_padded` counts tokens. The encoder's cost is in word pieces: in English and in
    mixed text their number per token varies much from document to document.

    encoder (str): The encoder's folder, usually ${paths.encoder}: its tokenizer does the counting.
    size (int): Most padded pieces per batch: longest document times number of documents.
    buffer (int): Documents to look at when sorting by length.
    discard_oversize (bool): Leave out documents longer than `size`; else each is its own batch.
    RETURNS (Batcher): For [training.batcher].
    RAISES (XinzhiError): For a size or buffer below 1.
    """
    for name, value in (("size", size), ("buffer", buffer)):
        if value < 1:
            raise XinzhiError(
                f"xinzhi.BatchByPieces.v1: {name} = {value} is not valid.",
                f"Set [training.batcher] {name} to 1 or more.",
            )
    return partial(
        minibatch_by_padded_size,
        size=size,
        buffer=buffer,
        discard_oversize=discard_oversize,
        get_length=PieceCounter(encoder),
    )
