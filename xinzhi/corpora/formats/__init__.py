"""Annotation formats: one file per format, found through the entry-point group `xinzhi_formats`.

To add a format, write a module with an object that follows `Format` and name it in that group.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import catalogue

from ...errors import XinzhiError
from ..record import Problem, Record

FORMATS = catalogue.create("xinzhi", "formats", entry_points=True)


class Format(Protocol):
    """What a format provides."""

    name: str
    help: str

    def sniff(self, path: Path) -> bool:
        """Whether the file looks like this format."""
        ...

    def read(self, path: Path) -> Iterator[Record | Problem]:
        """Stream the records of a file, and a Problem in place of each that cannot be read."""
        ...


def detect_format(path: Path) -> Format:
    """Find the format of a file.

    path (Path): An existing file.
    RETURNS (Format): The first registered format that recognises it.
    RAISES (XinzhiError): If none does.
    """
    formats: dict[str, Format] = FORMATS.get_all()
    for fmt in formats.values():
        if fmt.sniff(path):
            return fmt
    known = "; ".join(f"{name}: {fmt.help}" for name, fmt in sorted(formats.items()))
    raise XinzhiError(f"{path}: the format was not recognised.", f"Known formats are {known}")


def read_records(path: Path) -> Iterator[Record | Problem]:
    """Stream one file through its format. A file that cannot be opened is one Problem.

    path (Path): The file.
    YIELDS (Record | Problem): In file order.
    """
    try:
        with path.open("rb") as file_:
            empty = not file_.read(1)
        if empty:
            yield Problem("the file is empty", path)
        else:
            yield from detect_format(path).read(path)
    except FileNotFoundError:
        yield Problem("no such file", path)
    except IsADirectoryError:
        yield Problem("this is a directory; name the files in it", path)
    except OSError as err:
        yield Problem(f"the file cannot be read ({err.strerror})", path)
    except XinzhiError as err:
        yield Problem(f"{err.fact.removeprefix(f'{path}: ')} {err.next_step}", path)
