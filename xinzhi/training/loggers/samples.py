"""Some dev documents with what is predicted for them, as a Markdown table."""

from __future__ import annotations

from itertools import islice

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import resolve_dot_names

LONGEST = 200  # characters


class Sampler:
    """Predicts the same dev documents again and again.

    nlp (Language): The pipeline, with its config.
    count (int): How many documents.
    """

    def __init__(self, nlp: Language, count: int) -> None:
        config = nlp.config.interpolate()
        (corpus,) = resolve_dot_names(config, [config["training"]["dev_corpus"]])
        self.nlp = nlp
        self.gold: list[Doc] = [example.reference for example in islice(corpus(nlp), count)]

    def table(self) -> str:
        """RETURNS (str): A row per document: gold and prediction."""
        rows = ["| gold | predicted |", "| --- | --- |"]
        for gold in self.gold:
            made = self.nlp.make_doc(gold.text)
            predicted = next(self.nlp.pipe([Example(made, gold).predicted]))
            rows.append(f"| {marked(gold)} | {marked(predicted)} |")
        return "\n".join(rows)


def marked(doc: Doc) -> str:
    """RETURNS (str): The text with its entities in bold and its categories after it."""
    text, end = "", 0
    for span in doc.ents:
        text += _plain(doc.text[end : span.start_char])
        text += f"**{_plain(span.text)}** `{span.label_}`"
        end = span.end_char
    text += _plain(doc.text[end : end + LONGEST])
    cats = [f"`{name}`" for name, value in doc.cats.items() if value >= 0.5]
    return " ".join([text, *cats])


def _plain(text: str) -> str:
    """RETURNS (str): Text that is no Markdown and no line break."""
    for character in "\\`*_|<>[]":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
