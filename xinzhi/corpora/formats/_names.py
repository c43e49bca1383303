"""Ids of records as names of files."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_UNSAFE = re.compile(r'[\x00-\x1f\x7f%/\\:*?"<>|]|^[.\s]|[.\s]$')
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")


def to_name(identity: str | int) -> str:
    """RETURNS (str): A name for a file, from which `from_name` makes the id again."""
    if isinstance(identity, int):
        return str(identity)
    if _INTEGER.fullmatch(identity):
        return f"%{ord(identity[0]):02X}{identity[1:]}"
    return _UNSAFE.sub(lambda match: quote(match[0], safe="").replace(".", "%2E"), identity)


def from_name(name: str) -> str | int:
    """RETURNS (str | int): The id that a name of a file stands for."""
    if _INTEGER.fullmatch(name):
        return int(name)
    identity = unquote(name)
    return identity if to_name(identity) == name else name
