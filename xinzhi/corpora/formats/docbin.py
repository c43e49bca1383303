"""spaCy's own binary corpus files, read back into records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..record import Problem, Record
from ._base import EVERYTHING, ReadOptions, Sample, WriteOptions


class DocBinFormat:
    """Reads and writes `.spacy` files. `DOCBIN` is the registered instance."""

    name = "docbin"
    help = "spaCy DocBin (.spacy)"
    holds = EVERYTHING
    suffix = ".spacy"

    def sniff(self, sample: Sample) -> float:
        """By suffix."""
        return float(sample.suffix == ".spacy")

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the documents of the file."""
        from spacy.tokens import DocBin
        from spacy.vocab import Vocab

        from ..docbin import record_from_doc

        try:
            docs = DocBin().from_disk(path).get_docs(Vocab())
        except ValueError:
            yield Problem("this is not a DocBin file, or it is damaged", path)
            return
        for number, doc in enumerate(docs, start=1):
            yield record_from_doc(doc, path, number)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """All documents in one file; `xinzhi convert` writes large corpora in parts."""
        from spacy.tokens import DocBin

        from ..docbin import annotate, blank, tokenise

        nlp = blank(options.lang)
        doc_bin = DocBin(store_user_data=True)
        for record in records:
            doc = tokenise(nlp, record)
            if isinstance(doc, Problem):
                lose(doc)
                continue
            annotate(doc, record, options.heads)
            doc_bin.add(doc)
        doc_bin.to_disk(path)


DOCBIN = DocBinFormat()
