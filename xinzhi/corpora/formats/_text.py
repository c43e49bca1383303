"""Text files as they come: any encoding, byte order marks, CRLF, endless lines.

Everything that reads text goes through `read_lines`, so that all formats treat damage alike: a
line that cannot be decoded, or that is too long to be a record, is one Problem, and the next line
is read.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO

from ..record import Problem

HEAD_BYTES = 1 << 18
MAX_LINE = 1 << 25  # bytes (characters in UTF-16 files): 32 MiB, far above spaCy's longest text
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_head(path: Path) -> bytes:
    """RETURNS (bytes): The first bytes of a file, at most HEAD_BYTES."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def detect_encoding(head: bytes) -> str:
    """The encoding of a text file, from its beginning.

    A byte order mark decides. Otherwise it is UTF-8, unless not one line with non-ASCII bytes is
    UTF-8 and nearly all double bytes are in the GB 2312 area of GB 18030 (accented Latin letters,
    which are followed by ASCII, are not). Single bad lines thus never change the encoding.

    head (bytes): The first bytes.
    RETURNS (str): A Python codec name: "utf-8", "utf-8-sig", "utf-16…", "utf-32" or "gb18030".
    """
    for bom, name in BOMS:
        if head.startswith(bom):
            return name
    if head[:4096].count(0) > len(head[:4096]) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    lines = [line for line in head.splitlines() if not line.isascii()]
    if len(head) == HEAD_BYTES and len(lines) > 1:
        lines.pop()
    if not lines or any(_decodes(line, "utf-8") for line in lines):
        return "utf-8"
    return "gb18030" if all(map(_is_gb2312, lines[:50])) else "utf-8"


def decode_head(head: bytes) -> str:
    """RETURNS (str): The beginning of a text file; undecodable bytes become U+FFFD. Empty for a
    binary file: it has zero bytes, and is not UTF-8 either."""
    encoding = detect_encoding(head)
    wide = encoding.startswith(("utf-16", "utf-32"))
    if b"\0" in head and not wide and not _begins_as_utf8(head):
        return ""
    return head.decode(encoding, errors="replace").removeprefix("\ufeff")


def read_lines(
    path: Path, encoding: str | None = None, keep_ends: bool = False
) -> Iterator[tuple[int, str] | Problem]:
    """Stream the lines of a text file.

    path (Path): The file.
    encoding (str | None): Python codec name; None: found out from the beginning of the file.
    keep_ends (bool): Whether the lines keep their ends.
    YIELDS (tuple | Problem): Line number from 1, and the line without its end; or what is wrong
        with the line. A note comes first if an encoding other than UTF-8 was found out.
    """
    if encoding is None:
        encoding = detect_encoding(read_head(path))
        yield from _encoding_note(encoding, path)
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        lines = _wide_lines(path, encoding)
    else:
        lines = _byte_lines(path, "utf-8" if encoding == "utf-8-sig" else encoding)
    for item in lines:
        if isinstance(item, Problem) or keep_ends:
            yield item
        else:
            yield item[0], item[1].rstrip("\r\n")


def _byte_lines(path: Path, encoding: str) -> Iterator[tuple[int, str] | Problem]:
    with path.open("rb") as file:
        for number, raw in _limited(file, path):
            if isinstance(raw, Problem):
                yield raw
                continue
            raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            try:
                yield number, raw.decode(encoding)
            except UnicodeDecodeError as err:
                yield Problem(undecodable(err), path, number)


def read_pieces(path: Path, encoding: str | None = None) -> Iterator[str | Problem]:
    """Stream the text of a file in pieces of about a mebibyte, for formats without lines.

    path (Path): The file.
    encoding (str | None): Python codec name; None: found out from the beginning of the file.
    YIELDS (str | Problem): Text; none ends inside a backslash escape. A byte that cannot be
        decoded is a lone surrogate in it (in UTF-16 and UTF-32, the end of the file and a Problem).
    """
    if encoding is None:
        encoding = detect_encoding(read_head(path))
        yield from _encoding_note(encoding, path)
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    errors = "strict" if wide else "surrogateescape"
    with path.open("r", encoding=encoding, errors=errors, newline="") as file:
        rest = ""
        try:
            while piece := file.read(1 << 20):
                piece = rest + piece
                rest = "\\" if (len(piece) - len(piece.rstrip("\\"))) % 2 else ""
                yield piece[: len(piece) - len(rest)]
        except UnicodeError as err:
            yield Problem(f"from here on not {encoding.upper()} ({err})", path)
    if rest:
        yield rest


def open_new(path: Path) -> TextIO:
    """RETURNS (TextIO): A new UTF-8 file for writing, with line ends exactly as written."""
    return path.open("w", encoding="utf-8", newline="")


def undecodable(err: UnicodeDecodeError) -> str:
    """RETURNS (str): What to say about bytes that are not in the expected encoding."""
    name = "UTF-8" if err.encoding == "utf-8" else err.encoding.upper()
    byte = err.object[err.start]
    return (
        f"not {name} (byte 0x{byte:02x} at position {err.start}); save the file as UTF-8, or name "
        "its encoding"
    )


def _encoding_note(encoding: str, path: Path) -> Iterator[Problem]:
    if not encoding.startswith("utf-8"):
        yield Problem(f"read as {encoding.upper()}", path, kind="note")


def _limited(file: IO[bytes], path: Path) -> Iterator[tuple[int, bytes | Problem]]:
    """Lines of a binary file; one that is longer than MAX_LINE is skipped without keeping it."""
    number = 0
    while raw := file.readline(MAX_LINE):
        number += 1
        if len(raw) < MAX_LINE or raw.endswith(b"\n"):
            yield number, raw
            continue
        size = len(raw)
        while not raw.endswith(b"\n") and (raw := file.readline(MAX_LINE)):
            size += len(raw)
        yield number, Problem(too_long(size), path, number)


def too_long(size: int) -> str:
    """RETURNS (str): What to say about a line or JSON value of this many bytes or characters."""
    return f"{size:,} bytes without an end are no record (the limit is {MAX_LINE:,}); split it up"


def _wide_lines(path: Path, encoding: str) -> Iterator[tuple[int, str] | Problem]:
    """Lines of a UTF-16 or UTF-32 file; damage there ends it, as there is no way to go on."""
    with path.open("rb") as raw:
        file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
        number = 0
        while True:
            number += 1
            try:
                line = file.readline(MAX_LINE)
            except UnicodeError as err:
                yield Problem(f"from here on not {encoding.upper()} ({err})", path, number)
                return
            if not line:
                return
            if len(line) == MAX_LINE and not line.endswith("\n"):
                yield Problem(too_long(len(line)), path, number)
                return
            yield number, line.removeprefix("\ufeff" if number == 1 else "")


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _begins_as_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _is_gb2312(raw: bytes) -> bool:
    """Whether nine of ten double-byte characters have both bytes in A1–FE, as in GB 2312."""
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    double = [raw for char in text if len(raw := char.encode("gb18030")) == 2]
    return sum(min(raw) >= 0xA1 for raw in double) >= 0.9 * len(double)
