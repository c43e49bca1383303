"""The keys of `doc.cats`: "head/label", or a plain label that belongs to no head."""

from __future__ import annotations

from collections.abc import Mapping

SEPARATOR = "/"
PLAIN = "cats"  # what reports call the head of the labels that name none


def is_head_name(name: str) -> bool:
    """RETURNS (bool): Whether a head can have this name: not empty, and without "/"."""
    return bool(name) and SEPARATOR not in name


def split_key(key: str, plain: str = "") -> tuple[str, str]:
    """Take a key of `doc.cats` apart; the first "/" counts: a label may contain others.

    key (str): "head/label", or a label alone.
    plain (str): The head of a label that names none.
    RETURNS (tuple): Head and label.
    """
    head, separator, label = key.partition(SEPARATOR)
    return (head, label) if separator else (plain, key)


def join_key(head: str, label: str) -> str:
    """RETURNS (str): The key of a label in `doc.cats`."""
    return f"{head}{SEPARATOR}{label}"


def group_cats(cats: Mapping[str, float], plain: str = "") -> dict[str, dict[str, float]]:
    """Sort the values of `doc.cats` by head.

    cats (Mapping): Key -> value.
    plain (str): The head to put labels under that name none; "" leaves them out.
    RETURNS (dict): head -> label -> value.
    """
    heads: dict[str, dict[str, float]] = {}
    for key, value in cats.items():
        head, label = split_key(key, plain)
        if head or plain:
            heads.setdefault(head or plain, {})[label] = value
    return heads
