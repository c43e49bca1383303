"""Tokens without Docs: what aligning spans and writing DocBin files need, and no more.

Making a `Doc` for every text dominates the time of a conversion; these tokens are the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from spacy.attrs import LENGTH, ORTH, SPACY
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

# spaCy's Chinese characters: each a token, white space between them too, except that one space
# (U+0020) after a character belongs to it.
_CHARACTERS = re.compile(r"(\S)( ?)|(\s+)")


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text.

    words (list[str]): Their texts, without the space that may follow.
    spaces (np.ndarray): Whether a space follows each; bool.
    starts, ends (np.ndarray): Their offsets in code points, ends exclusive; int64.
    """

    words: list[str]
    spaces: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, doc: Doc) -> Tokens:
        """RETURNS (Tokens): The tokens of a document."""
        array = doc.to_array([ORTH, LENGTH, SPACY])
        strings = doc.vocab.strings
        words = [strings[orth] for orth in array[:, 0].tolist()]
        return cls.from_lengths(words, array[:, 1].astype("int64"), array[:, 2].astype(bool))

    @classmethod
    def from_lengths(cls, words: list[str], lengths: np.ndarray, spaces: np.ndarray) -> Tokens:
        """RETURNS (Tokens): Tokens that follow each other, from their lengths and spaces."""
        after = np.cumsum(lengths + spaces)
        starts = np.concatenate([np.zeros(1, "int64"), after[:-1]])[: len(words)]
        return cls(words, spaces, starts, starts + lengths)

    @cached_property
    def text(self) -> str:
        """The text that they spell."""
        return "".join(
            f"{word} " if space else word
            for word, space in zip(self.words, self.spaces.tolist(), strict=True)
        )

    def find(self, start: int, end: int) -> tuple[int, int] | None:
        """The tokens at exactly these characters.

        start, end (int): Code points, end exclusive.
        RETURNS (tuple | None): First token and the one after the last; None if an end of the span
            is not an end of a token.
        """
        first = int(self.starts.searchsorted(start))
        last = int(self.ends.searchsorted(end))
        if last < first or last >= len(self.words):
            return None
        if self.starts[first] != start or self.ends[last] != end:
            return None
        return first, last + 1

    def touching(self, start: int, end: int) -> tuple[int, int]:
        """RETURNS (tuple): The tokens with a character in a span: first, and after the last."""
        first = int(self.ends.searchsorted(start, side="right"))
        return first, max(first, int(self.starts.searchsorted(end)))


def character_tokens(text: str) -> Tokens:
    """The tokens of spaCy's blank Chinese pipeline, in linear time.

    text (str): The text.
    RETURNS (Tokens): One for each character.
    """
    words = list(text)
    if not any(map(str.isspace, words)):
        ends = np.arange(1, len(words) + 1)
        return Tokens(words, np.zeros(len(words), dtype=bool), ends - 1, ends)
    found = _CHARACTERS.findall(text)
    words = [char or gap for char, _space, gap in found]
    spaces = np.array([bool(space) for _char, space, _gap in found], dtype=bool)
    lengths = np.array([len(word) for word in words], dtype="int64")
    return Tokens.from_lengths(words, lengths, spaces)


def tokeniser(nlp: Language) -> Callable[[str], Tokens]:
    """A function that tokenises as a pipeline does.

    nlp (Language): The pipeline.
    RETURNS (Callable): From a text to its tokens.
    """
    if nlp.lang == "zh" and getattr(nlp.tokenizer, "segmenter", None) == "char":
        return character_tokens
    return lambda text: Tokens.of(nlp.make_doc(text))


def make_doc(tokens: Tokens, vocab: Vocab) -> Doc:
    """RETURNS (Doc): A document with these tokens."""
    return Doc(vocab, words=tokens.words, spaces=tokens.spaces.tolist())
