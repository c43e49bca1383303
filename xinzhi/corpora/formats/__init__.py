"""Annotation formats: one file per format, found through the entry-point group `xinzhi_formats`.

To add a format, write a module with an object that follows `Format` (or `WritableFormat`) and name
it in that group. The choices of the command line and the table in docs/data-format.md follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import catalogue

from ...errors import XinzhiError
from ..record import Problem, Record
from ._base import EVERYTHING, Format, ReadOptions, Sample, WritableFormat, WriteOptions

__all__ = [
    "AUTO",
    "EVERYTHING",
    "FORMATS",
    "Format",
    "ReadOptions",
    "Sample",
    "WritableFormat",
    "WriteOptions",
    "detect_format",
    "get_format",
    "known_formats",
    "read_records",
]

FORMATS = catalogue.create("xinzhi", "formats", entry_points=True)
AUTO = ReadOptions()
NO_ANNOTATION = {".conf", ".md"}  # configuration of brat, read-me files


def known_formats() -> dict[str, Format]:
    """RETURNS (dict): Every registered format by its name, sorted."""
    return dict(sorted(FORMATS.get_all().items()))


def get_format(name: str) -> Format:
    """RETURNS (Format): The registered format of this name.

    RAISES (XinzhiError): If there is none; the message names those there are.
    """
    formats = known_formats()
    if name not in formats:
        raise XinzhiError(
            f"There is no format '{name}'.", f"Known formats are {', '.join(formats)}."
        )
    return formats[name]


def detect_format(path: Path) -> Format:
    """Find the format of a file.

    path (Path): An existing file.
    RETURNS (Format): The registered format that recognises it best.
    RAISES (XinzhiError): If none does.
    """
    sample = Sample.of(path)
    formats = known_formats()
    scores = {name: fmt.sniff(sample) for name, fmt in formats.items()}
    best = max(scores, key=scores.__getitem__)
    if scores[best] > 0:
        return formats[best]
    raise XinzhiError(
        f"{path}: the format was not recognised.",
        f"Name it with --from; known formats are {', '.join(formats)}.",
    )


def read_records(path: Path, options: ReadOptions = AUTO) -> Iterator[Record | Problem]:
    """Stream one file, or all files of a folder. A file that cannot be opened is one Problem.

    path (Path): The file or folder.
    options (ReadOptions): How to read it.
    YIELDS (Record | Problem): In file order.
    """
    try:
        if path.is_dir():
            yield from _read_folder(path, options)
        else:
            yield from _read_file(path, options)
    except FileNotFoundError:
        yield Problem("no such file", path)
    except OSError as err:
        yield Problem(f"the file cannot be read ({err.strerror})", path)
    except XinzhiError as err:
        yield Problem(f"{err.fact.removeprefix(f'{path}: ')} {err.next_step}", path)


def _read_folder(path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    if not files:
        yield Problem("the folder is empty", path)
    for file in files:
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if hidden or file.suffix in NO_ANNOTATION:
            yield Problem("not a file with annotations", file, kind="skipped")
        elif file.suffix != ".ann" or not file.with_suffix(".txt").exists():  # brat: one record
            yield from read_records(file, options)


def _read_file(path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
    with path.open("rb") as file:
        empty = not file.read(1)
    if empty and path.suffix != ".ann":  # brat: a text without entities
        yield Problem("the file is empty", path)
        return
    fmt = detect_format(path) if options.format == "auto" else get_format(options.format)
    yield from fmt.read(path, options)
