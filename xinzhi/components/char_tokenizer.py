"""`xinzhi.CharTokenizer.v1`: one token per character, in time proportional to the text.

spaCy's own (`spacy.zh.ChineseTokenizer`, segmenter "char") copies the rest of the text for every
token, so its time grows with the square of the text: on 160,000 characters it took nine times as
long as this one (in turns, 2026-11-22, spaCy 3.8.18).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from spacy import registry
from spacy.lang.zh import ChineseTokenizer
from spacy.language import Language
from spacy.tokens import Doc

# A visible character with the one space it owns, or what is left of a run of white space.
TOKEN = re.compile(r"\S ?|\s+")


@registry.tokenizers("xinzhi.CharTokenizer.v1")
def create_char_tokenizer() -> Callable[[Language], CharTokenizer]:
    """RETURNS (Callable): Takes the pipeline, makes its tokenizer."""

    def create(nlp: Language) -> CharTokenizer:
        return CharTokenizer(nlp.vocab)

    return create


class CharTokenizer(ChineseTokenizer):
    """The same tokens, spaces and saved form as spaCy's Chinese tokenizer set to characters."""

    def __call__(self, text: str) -> Doc:
        """Cut a text into characters; every run of further white space is one token.

        text (str): Any text.
        RETURNS (Doc): Its tokens; `doc.text` is the text.
        """
        parts = TOKEN.findall(text)
        spaces = [len(part) == 2 and part[1] == " " and not part[0].isspace() for part in parts]
        words = [part[0] if space else part for part, space in zip(parts, spaces, strict=True)]
        return Doc(self.vocab, words=words, spaces=spaces)
