"""`xinzhi_faq`: answers from a knowledge base in `doc._.answers`."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.util import minibatch

from ...components.base import ensure_extension
from ...errors import XinzhiError
from .index import FILES, Faq


@Language.factory("xinzhi_faq", assigns=["doc._.answers"], default_config={"k": 5})
def make_faq(nlp: Language, name: str, k: int) -> "FaqPipe":
    """Construct the component.

    k (int): How many answers to give at most.
    RETURNS (FaqPipe): It; give it an index with `initialize` or `load_index`.
    """
    return FaqPipe(name, k)


class FaqPipe(Pipe):
    """Sets `doc._.answers`: a list of {"id", "question", "answer", "intent", "probability"}, best
    first, empty if no entry answers the text; and `doc._.reply`, all that `Faq.ask` gives.

    name (str): The component's name.
    k (int): How many answers to give at most.
    """

    def __init__(self, name: str, k: int) -> None:
        self.name = name
        self.k = k
        self.faq: Faq | None = None
        ensure_extension(Doc, "answers", default=[])
        ensure_extension(Doc, "reply", default=None)

    def load_index(self, folder: str | Path) -> None:
        """Answer from this index.

        folder (str | Path): As `xinzhi faq build` has made it.
        RAISES (XinzhiError): If it is no index.
        """
        self.faq = Faq.load(folder)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Any]],
        *,
        nlp: Language | None = None,
        index: str | None = None,
    ) -> None:
        """Nothing is trained here.

        index (str | None): The index, from [initialize.components] of a config.
        """
        if index is not None:
            self.load_index(index)

    def __call__(self, doc: Doc) -> Doc:
        """Set the answers of a document."""
        return self._answer([doc])[0]

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Set the answers of a stream of documents, in batches."""
        for docs in minibatch(stream, batch_size):
            yield from self._answer(list(docs))

    def _answer(self, docs: list[Doc]) -> list[Doc]:
        for doc, reply in zip(
            docs, self._index().ask_all([d.text for d in docs], self.k), strict=True
        ):
            doc._.reply = reply
            doc._.answers = [] if reply["decision"] == "none" else reply["answers"]
        return docs

    def _index(self) -> Faq:
        if self.faq is None:
            raise XinzhiError(
                f"The component '{self.name}' has no index.",
                f'Call nlp.get_pipe("{self.name}").load_index(FOLDER).',
            )
        return self.faq

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the index into a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        if self.faq is not None:
            self.faq.save(folder)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "FaqPipe":
        """Read the index from a folder."""
        folder = Path(path)
        self.faq = Faq.load(folder) if (folder / FILES[0]).is_file() else None
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The index."""
        with tempfile.TemporaryDirectory() as folder:
            self.to_disk(folder)
            files = {file.name: file.read_bytes() for file in Path(folder).iterdir()}
        return srsly.msgpack_dumps(files)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "FaqPipe":
        """Read the index; it lives in a temporary folder."""
        folder = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        for name, content in srsly.msgpack_loads(data).items():
            (folder / name).write_bytes(content)
        return self.from_disk(folder)
