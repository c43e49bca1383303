"""A fast tokenizer reduced to what the encoder needs: ids and offsets, nothing cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


@dataclass(frozen=True)
class Pieces:
    """The word pieces of one text, without special tokens.

    ids (NDArray[int64]): Shape (n,).
    starts, ends (NDArray[int64]): Offsets in code points of the original text, shape (n,). A piece
        that stands for no character (a word marker put in front) has start == end.
    strings (list[str]): The pieces as the tokenizer writes them.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    strings: list[str]


class PieceTokenizer:
    """Wraps a `tokenizers.Tokenizer`: no truncation, no padding, special tokens kept apart.

    tokenizer_json (str): The tokenizer, serialised.
    pad_id (int): Id to pad with.
    """

    def __init__(self, tokenizer_json: str, pad_id: int) -> None:
        from tokenizers import Tokenizer

        self.json = tokenizer_json
        self.pad_id = pad_id
        self._tokenizer: Tokenizer = Tokenizer.from_str(tokenizer_json)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.prefix, self.suffix = _special_ids(self._tokenizer)

    @property
    def vocabulary_size(self) -> int:
        """RETURNS (int): Number of pieces, special ones included."""
        return self._tokenizer.get_vocab_size(with_added_tokens=True)

    def encode(self, texts: Sequence[str]) -> list[Pieces]:
        """Cut texts into word pieces. Any length, any content.

        texts (Sequence[str]): The texts; lone surrogates count as U+FFFD.
        RETURNS (list[Pieces]): One per text.
        """
        clean = [_without_surrogates(text) for text in texts]
        encodings = self._tokenizer.encode_batch(clean, add_special_tokens=False)
        return [_to_pieces(encoding) for encoding in encodings]


def _without_surrogates(text: str) -> str:
    """Lone surrogates cannot be UTF-8; one replacement character each keeps every offset."""
    if text.isascii():
        return text
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _to_pieces(encoding: Encoding) -> Pieces:
    offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    return Pieces(
        ids=np.asarray(encoding.ids, dtype=np.int64),
        starts=offsets[:, 0],
        ends=offsets[:, 1],
        strings=encoding.tokens,
    )


def _special_ids(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids the post-processor puts before and after one text."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    full = tokenizer.encode("a", add_special_tokens=True).ids
    before = (len(full) - len(bare)) // 2 if not bare else _find(full, bare)
    return full[:before], full[before + len(bare) :]


def _find(full: list[int], bare: list[int]) -> int:
    return next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
