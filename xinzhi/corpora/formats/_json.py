"""Streams of JSON objects: JSON Lines, one array, or objects one after the other.

Every JSON format reads through `read_objects`: a bad object is one Problem, and reading goes on
with the next one, also inside an array that is broken in the middle or cut off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..record import Problem, Record
from ._base import ReadOptions, Sample
from ._text import MAX_LINE, read_lines, read_pieces, too_long

_STRUCTURE = re.compile(r'[\[\]{}"]|\\.', re.DOTALL)
SEPARATORS = ", \t\r\n\ufeff"


class Invalid(ValueError):
    """An object that is not a record; the message says why."""


class Malformed(Invalid):
    """Text that is not JSON."""


def parse_object(text: str) -> dict[str, Any]:
    """RETURNS (dict): The fields of a JSON object.

    RAISES (Invalid): If `parse_value` refuses it, or it is not an object.
    """
    value = parse_value(text)
    if not isinstance(value, dict):
        raise Invalid(f"expected a JSON object, found {kind(value)}")
    return value


def parse_value(text: str) -> Any:
    """Parse JSON strictly.

    text (str): One value.
    RETURNS (Any): It.
    RAISES (Invalid): If it is malformed, repeats a key, or holds what neither UTF-8 nor DocBin can
        store (half a character, NaN, an integer of more than 64 bits).
    """
    try:
        value = _DECODER.decode(text)
        if "\\u" in text or not text.isascii():
            json.dumps(value, ensure_ascii=False).encode("utf8")
    except UnicodeEncodeError as err:
        if "\udc80" <= err.object[err.start] <= "\udcff" and "\\u" not in text:
            raise Invalid("not UTF-8; save the file as UTF-8, or name its encoding") from err
        raise Invalid("an escape stands for half a character (a lone surrogate)") from err
    except json.JSONDecodeError as err:
        raise Malformed(f"malformed JSON: {err.msg}, column {err.colno}") from err
    except RecursionError as err:
        raise Invalid("malformed JSON: nested too deeply") from err
    return value


def kind(value: Any) -> str:
    """RETURNS (str): The type of a JSON value in plain words."""
    names = {
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
    return names[type(value)]


def shown(value: Any, limit: int = 80) -> str:
    """RETURNS (str): A JSON value for a message, cut off if it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[:limit] + "…"


def read_objects(
    path: Path, options: ReadOptions
) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    """Stream the JSON objects of a file.

    path (Path): The file.
    options (ReadOptions): Its encoding.
    YIELDS (tuple | Problem): Line on which the object starts, and its fields; or what is wrong.
    """
    empty = True
    by_line = is_json_lines(Sample.of(path))
    for item in _lines(path, options) if by_line else _elements(path, options):
        empty = empty and isinstance(item, Problem) and item.kind == "note"
        yield item
    if empty:
        yield Problem("the file holds no records, only blank lines or brackets", path)


def read_made(
    path: Path,
    options: ReadOptions,
    make: Callable[[dict[str, Any], int], Iterable[Record | Problem]],
) -> Iterator[Record | Problem]:
    """Stream the records that the objects of a file hold.

    path (Path): The file.
    options (ReadOptions): Its encoding.
    make (Callable): From an object and its line to its records; it may raise Invalid.
    YIELDS (Record | Problem): The records, and what is wrong with the others.
    """
    for item in read_objects(path, options):
        if isinstance(item, Problem):
            yield item
            continue
        line, fields = item
        try:
            yield from make(fields, line)
        except Invalid as err:
            name = fields.get("id")
            known = isinstance(name, str | int) and not isinstance(name, bool)
            yield Problem(str(err), path, line, name if known else None)


def sample_objects(sample: Sample) -> list[dict[str, Any]]:
    """The first objects of a file, as far as they are complete in the sample.

    sample (Sample): The beginning of a file.
    RETURNS (list[dict]): At most 20 objects; empty if this is not JSON.
    """
    if not sample.text.lstrip().startswith(("{", "[")):
        return []
    if is_json_lines(sample):
        texts = iter(sample.lines)
    else:
        texts = (text for _, text in _Scanner().feed(sample.text))
    found: list[dict[str, Any]] = []
    for text in texts:
        try:
            found.append(parse_object(text))
        except Invalid:
            continue
        if len(found) == 20:
            break
    return found


def is_json_lines(sample: Sample) -> bool:
    """Whether each line is an object, as opposed to an array or an object over several lines."""
    if sample.text.lstrip().startswith("["):
        return False
    first, *rest = [line.strip() for line in sample.lines[:2]] or [""]
    return first.endswith("}") or (first != "{" and (not rest or rest[0].startswith("{")))


def _lines(path: Path, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    for item in read_lines(path, options.encoding):
        if isinstance(item, Problem):
            yield item
            continue
        number, text = item
        if text.strip():
            try:
                yield number, parse_object(text)
            except Invalid as err:
                yield Problem(str(err), path, number)


def _elements(path: Path, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    """The objects of an array (or objects one after the other), each with its first line."""
    scanner = _Scanner()
    for piece in read_pieces(path, options.encoding):
        if isinstance(piece, Problem):
            yield piece
            continue
        for start, text in scanner.feed(piece):
            yield from _repaired(text, start, path)
    if scanner.depth:
        yield from _cut_off(scanner, path)
    elif scanner.in_array:
        yield Problem("the JSON array is not closed; the file seems cut off", path, scanner.line)


def _cut_off(scanner: _Scanner, path: Path) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    """An object without an end."""
    fact = "malformed JSON: the object is not closed"
    yield Problem(fact, path, scanner.start)
    yield from _following("".join(scanner.parts), scanner.start, path)


def _repaired(text: str, start: int, path: Path) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    """One object; if it is broken, a Problem, and the objects that begin on later lines of it."""
    if not text:
        yield Problem(too_long(MAX_LINE), path, start)
        return
    try:
        yield start, parse_object(text)
    except Invalid as err:
        yield Problem(str(err), path, start)
        if isinstance(err, Malformed):
            yield from _following(text, start, path)


def _following(text: str, start: int, path: Path) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    """The objects after the first line of a broken one that are indented like its end."""
    last = text.rstrip().rpartition("\n")[2]
    indent = len(last) - len(last.lstrip())
    following = re.compile(rf"\n[ \t]{{0,{indent}}}(?=\{{)").search(text, 1)
    if following is None:
        return
    scanner = _Scanner(line=start + text.count("\n", 0, following.end()))
    for number, part in scanner.feed(text[following.end() :]):
        yield from _repaired(part, number, path)
    if scanner.depth:
        yield from _cut_off(scanner, path)


class _Scanner:
    """Cut a stream of text into the JSON values on its top level or in the one array there.

    line (int): The line that is being read.
    start (int): Line of the value that is open.
    depth (int): Brackets of it that are open.
    parts (list): Its text so far; dropped if it gets too long.
    in_array (bool): Whether the array on the top level is open.
    """

    def __init__(self, line: int = 1) -> None:
        self.line = self.start = line
        self.depth = self.size = 0
        self.in_string = self.in_array = False
        self.parts: list[str] = []

    def feed(self, text: str) -> Iterator[tuple[int, str]]:
        """Read on.

        text (str): The next piece; it must not end inside an escape.
        YIELDS (tuple): First line and text of each value that is now complete; the text is empty
            if it was too long to keep.
        """
        begin = counted = 0  # where the open value (or what is no value) and the count start
        for match in _STRUCTURE.finditer(text):
            char, at = match[0], match.start()
            if self.in_string or char[0] == "\\" or (char == '"' and self.depth):
                self.in_string ^= char == '"'
            elif char in "[{":
                if not self.depth:
                    yield from self._stray(text, counted, begin, at)
                    self.line += text.count("\n", counted, at)
                    begin, counted, self.start = at, at, self.line
                    if char == "[" and not self.in_array:
                        self.in_array, begin = True, at + 1
                        continue
                self.depth += 1
            elif char in "]}" and self.depth:
                self.depth -= 1
                if not self.depth:
                    yield self.start, self._take(text[begin : at + 1])
                    begin = at + 1
            elif char == "]":
                yield from self._stray(text, counted, begin, at)
                self.in_array, begin = False, at + 1
        if self.depth:
            self._keep(text[begin:])
        else:
            yield from self._stray(text, counted, begin, len(text))
        self.line += text.count("\n", counted)

    def _keep(self, text: str) -> None:
        self.size += len(text)
        self.parts = [*self.parts, text] if self.size <= MAX_LINE else []

    def _take(self, text: str) -> str:
        self._keep(text)
        whole = "".join(self.parts)
        self.parts, self.size = [], 0
        return whole

    def _stray(self, text: str, counted: int, begin: int, end: int) -> Iterator[tuple[int, str]]:
        """Anything but commas and white space between the values; `line` is that of `counted`."""
        rest = text[begin:end].lstrip(SEPARATORS)
        if rest:
            line = self.line + text.count("\n", counted, end - len(rest))
            yield line, rest.rstrip(SEPARATORS)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated key, of which Python would silently keep the last value."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Invalid(f"the key {twice!r} occurs twice in one JSON object")
    return result


def _no_constant(name: str) -> float:
    raise Invalid(f"malformed JSON: {name} is not a JSON number")


def _integer(digits: str) -> int:
    """Integers of 64 bits, which is what DocBin can store."""
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise Invalid(f"the integer {digits[:20]}… needs more than 64 bits")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer
)
