"""From docs to padded groups of word-piece windows, and which row of the output is whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.types import Ints1d, Ragged

from ..encoders.tokenizer import Pieces, PieceTokenizer
from .alignment import align_pieces
from .windows import batch_by_length, batch_by_padded_size, owned_ranges, split_windows

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """How sequences are put into padded groups.

    pieces (int): Largest padded size of one group.
    per_group (int): What a group costs, see `batch_by_padded_size`.
    step (int): If not 0, every sequence is padded to a multiple of it, whatever it is together
        with, and groups are of equal length, see `batch_by_length`.
    """

    pieces: int
    per_group: int = 0
    step: int = 0


@dataclass
class DocRows:
    """Where the vectors of one doc are.

    pieces (Pieces): Its word pieces.
    alignment (Ragged): Token -> rows of this doc's vectors.
    of_piece (Ints): Which piece each of these vectors comes from.
    rows (Ints): Which row of the encoder's output each of them is; filled by `prepare_batch`.
    ranks (Ints): Rank of the token within the piece, per row (only with `per_token`).
    """

    pieces: Pieces
    alignment: Ragged
    of_piece: Ints
    ranks: Ints
    rows: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass
class PreparedBatch:
    """Everything the torch module needs for a batch of docs.

    docs (list[DocRows | None]): One per doc, None for a doc without tokens.
    groups (list[tuple[Ints, NDArray[bool]]]): Padded ids and mask, each of shape (rows, longest).
    """

    docs: list[DocRows | None]
    groups: list[tuple[Ints, NDArray[np.bool_]]]

    @property
    def rows(self) -> Ints:
        """RETURNS (Ints): Row of the concatenated, flattened groups for each vector; (n,)."""
        parts = [doc.rows for doc in self.docs if doc is not None]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    @property
    def ranks(self) -> Ints:
        """RETURNS (Ints): Rank of the token within its piece for each vector; (n,)."""
        parts = [doc.ranks for doc in self.docs if doc is not None]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def prepare_batch(
    docs: Sequence[Doc],
    tokenizer: PieceTokenizer,
    *,
    window: int,
    overlap: int,
    grouping: Grouping,
    per_token: bool,
) -> PreparedBatch:
    """Cut docs into pieces, windows and padded groups.

    docs (Sequence[Doc]): The docs, of any length, empty ones too.
    tokenizer (PieceTokenizer): The tokenizer.
    window, overlap (int): In pieces, special tokens not counted.
    grouping (Grouping): How to group the windows.
    per_token (bool): One vector per token of a piece instead of one per piece.
    RETURNS (PreparedBatch): The inputs, and where the outputs go.
    """
    with_tokens = [doc for doc in docs if len(doc)]
    texts = [doc.text for doc in with_tokens]
    encoded = zip(texts, tokenizer.encode(texts), strict=True)
    prepared = [align_doc(doc, *next(encoded), per_token) if len(doc) else None for doc in docs]
    windows = [
        (doc, start, end, owned)
        for doc in prepared
        if doc is not None
        for (start, end), owned in _windows_of(doc, window, overlap)
    ]
    ids = [
        np.concatenate([tokenizer.prefix, doc.pieces.ids[start:end], tokenizer.suffix])
        for doc, start, end, _ in windows
    ]
    ids = [sequence if len(sequence) else np.array([tokenizer.pad_id]) for sequence in ids]
    most = window + len(tokenizer.prefix) + len(tokenizer.suffix)
    groups, base = _pad_groups(ids, tokenizer.pad_id, grouping, most)
    _assign_rows(windows, base, len(tokenizer.prefix))
    return PreparedBatch(prepared, groups)


def align_doc(doc: Doc, text: str, pieces: Pieces, per_token: bool) -> DocRows:
    """Align one doc with the pieces of its text; without any, it gets a special token's row."""
    starts = doc.to_array("IDX").astype(np.int64)
    lengths = doc.to_array("LENGTH").astype(np.int64)
    aligned, ranks, counts = align_pieces(starts, lengths, pieces.starts, pieces.ends, len(text))
    n_pieces = max(1, len(pieces.ids))
    if per_token and len(aligned):
        of_piece, ranks, rows = aligned, ranks, np.arange(len(aligned))
    else:
        of_piece, ranks, rows = np.arange(n_pieces), np.zeros(n_pieces, dtype=np.int64), aligned
    alignment = Ragged(as_ints(rows), as_ints(counts))
    return DocRows(pieces, alignment, of_piece, ranks)


def _windows_of(
    doc: DocRows, window: int, overlap: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    windows = split_windows(len(doc.pieces.ids), window, overlap)
    return list(zip(windows, owned_ranges(windows), strict=True))


def _pad_groups(
    sequences: list[Ints], pad_id: int, grouping: Grouping, most: int
) -> tuple[list[tuple[Ints, NDArray[np.bool_]]], Ints]:
    """Padded groups, and for each sequence the flat row of its first piece over all groups.

    most (int): Longest input of the encoder.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    base = np.zeros(len(sequences), dtype=np.int64)
    groups, cells = [], 0
    for members, longest in _group(lengths, grouping, most):
        ids = np.full((len(members), longest), pad_id, dtype=np.int64)
        for row, member in enumerate(members):
            ids[row, : lengths[member]] = sequences[member]
        mask = np.arange(longest) < lengths[members][:, None]
        base[members] = cells + np.arange(len(members)) * longest
        cells += ids.size
        groups.append((ids, mask))
    return groups, base


def _group(lengths: Ints, grouping: Grouping, most: int) -> list[tuple[Ints, int]]:
    """Members of each group, and the length they are padded to."""
    if not grouping.step:
        groups = batch_by_padded_size(lengths, grouping.pieces, grouping.per_group)
        return [(group, int(lengths[group[0]])) for group in groups]
    rounded = np.minimum(-(-lengths // grouping.step) * grouping.step, most)
    groups = batch_by_length(rounded, grouping.pieces)
    return [(group, int(rounded[group[0]])) for group in groups]


def _assign_rows(windows: list, base: Ints, prefix: int) -> None:
    """Set `rows` of every doc: each piece's row is in the window that owns it."""
    piece_rows: dict[int, list[Ints]] = {}
    for (doc, start, _, (a, b)), first in zip(windows, base, strict=True):
        if len(doc.pieces.ids) == 0:
            rows = np.array([first])
        else:
            rows = first + prefix + np.arange(a - start, b - start)
        piece_rows.setdefault(id(doc), []).append(rows)
    for doc in {id(w[0]): w[0] for w in windows}.values():
        doc.rows = np.concatenate(piece_rows[id(doc)])[doc.of_piece]


def as_ints(values: NDArray) -> Ints1d:
    """RETURNS (Ints1d): The numbers in the type that Thinc uses for lengths and indices."""
    return cast(Ints1d, values.astype("i"))
