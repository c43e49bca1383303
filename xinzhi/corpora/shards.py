"""DocBin files written piece by piece, without a Doc for every text.

The container is spaCy's own DocBin, filled with arrays instead of Docs, so that the files are what
spaCy writes. Attributes that nothing annotates here (tags, heads, lemmas) are not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from spacy.strings import StringStore
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer

from ..errors import XinzhiError
from .alignment import Misaligned
from .docbin import TokenSpan, annotate, entities, entity_tags, user_data
from .normalise import Normalised
from .record import Record
from .tokens import Tokens, make_doc

ATTRIBUTES = ("ENT_IOB", "ENT_TYPE")
SHARD_SIZE = 50_000  # documents
SHARD_TOKENS = 4_000_000
NO_GROUPS = Doc(Vocab()).spans.to_bytes()


class _Hashes(dict[str, int]):
    """spaCy's hash of each string, looked up once."""

    def __init__(self) -> None:
        super().__init__()
        self.strings = StringStore()

    def __missing__(self, string: str) -> int:
        self[string] = self.strings.add(string)
        return self[string]


class ShardWriter:
    """Write documents to one `NAME.spacy` file, or to a folder of that name if they are many.

    path (Path): The file to write, or the folder; it must not exist yet.
    shard_size (int): Most documents in one file.
    """

    def __init__(self, path: Path, shard_size: int = SHARD_SIZE) -> None:
        self.path = path
        self.shard_size = shard_size
        self.documents = 0
        self.shards = 0
        # srsly.msgpack_dumps looks through all entry points at every call
        self._packer = Packer(use_bin_type=True)
        self._start_shard()

    def _start_shard(self) -> None:
        self._bin = DocBin(attrs=ATTRIBUTES, store_user_data=True)
        self._tokens = 0
        self._hashes = _Hashes()
        self._vocab = Vocab()

    def add(
        self,
        tokens: Tokens,
        record: Record,
        aligned: tuple[list[TokenSpan], list[Misaligned]],
        cats: dict[str, float],
        normalised: Normalised | None = None,
    ) -> None:
        """Add a document without span groups.

        tokens (Tokens): The tokens of the record's text.
        record (Record): The record.
        aligned (tuple): Its entities on the tokens, and those that do not fit.
        cats (dict): "head/label" to value.
        normalised (Normalised | None): The map to the original text.
        RAISES (ValueError): If the user data cannot be stored.
        """
        self._make_room()
        kept, misaligned = aligned
        data = self._packer.pack(user_data(record, misaligned, normalised))
        hashes = self._hashes
        array = np.zeros((len(tokens), 3), dtype="uint64")
        array[:, 0] = [hashes[word] for word in tokens.words]
        array[:, 1] = entity_tags(tokens, record, kept, misaligned)
        for first, last, label in entities(kept):
            array[first:last, 2] = hashes[label]
        self._append(array, tokens.spaces, cats, data, NO_GROUPS)

    def add_grouped(
        self,
        tokens: Tokens,
        record: Record,
        heads: Mapping[str, Any],
        normalised: Normalised | None = None,
    ) -> None:
        """Add a document whose entities are in a span group, too; slower, by way of a Doc.

        tokens (Tokens): The tokens of the record's text.
        record (Record): The record.
        heads (Mapping): Every label of every head.
        normalised (Normalised | None): The map to the original text.
        RAISES (ValueError): If the user data cannot be stored.
        """
        self._make_room()
        doc = make_doc(tokens, self._vocab)
        annotate(doc, record, heads, group=True, normalised=normalised)
        data = self._packer.pack(doc.user_data)
        for string in (*tokens.words, *(label for _, _, label in record.spans or ())):
            self._hashes[string]
        array = doc.to_array(list[int | str](self._bin.attrs))
        self._append(array, tokens.spaces, doc.cats, data, doc.spans.to_bytes())

    def _append(
        self, array: np.ndarray, spaces: np.ndarray, cats: dict, data: bytes, groups: bytes
    ) -> None:
        self._bin.tokens.append(array)
        self._bin.spaces.append(spaces.reshape(-1, 1))
        self._bin.cats.append(cats)
        self._bin.flags.append({"has_unknown_spaces": False})
        self._bin.user_data.append(data)
        self._bin.span_groups.append(groups)
        self._tokens += len(array)
        self.documents += 1

    def _make_room(self) -> None:
        if len(self._bin) == self.shard_size or self._tokens > SHARD_TOKENS:
            self._write_shard()

    def close(self) -> int:
        """Write what is left.

        RETURNS (int): Number of files written.
        """
        if len(self._bin) or not self.shards:
            self._write_shard()
        return self.shards

    def _write_shard(self) -> None:
        if self.shards == 1:  # the first shard was written as the only file
            first = self.path.rename(self.path.with_name(f".{self.path.name}"))
            self.path.mkdir()
            first.rename(self._shard_path(1))
        self.shards += 1
        path = self.path if self.shards == 1 else self._shard_path(self.shards)
        self._bin.strings = set(self._hashes)
        try:
            self._bin.to_disk(path)
        except ValueError as err:
            raise XinzhiError(
                f"{len(self._bin)} documents are too much for one file ({self.path.name}).",
                "Use a smaller --shard-size.",
            ) from err
        self._start_shard()

    def _shard_path(self, number: int) -> Path:
        return self.path / f"{number:05}.spacy"
