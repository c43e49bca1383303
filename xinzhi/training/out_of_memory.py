"""Recognising that the memory is full, and what to say about it."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from spacy.tokens import Doc
from spacy.training import Example

# torch on the CPU raises a RuntimeError: "DefaultCPUAllocator: can't allocate memory", on Windows
# "not enough memory"; CUDA "out of memory"; CuPy's OutOfMemoryError is a MemoryError.
MESSAGE = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
Result = TypeVar("Result")


def retry_with_less(attempt: Callable[[], Result], use_less: Callable[[], None]) -> Result:
    """Try something again and again with less memory until it fits.

    attempt (Callable): What may run out of memory.
    use_less (Callable): Called after each such failure; makes the next attempt a smaller one, or
        raises.
    RETURNS (Any): What the attempt returned.
    """
    while True:
        try:
            return attempt()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        free_memory()  # here, where the traceback no longer holds what the attempt had allocated
        use_less()


def is_out_of_memory(error: BaseException) -> bool:
    """RETURNS (bool): Whether an error says that memory ran out, on the CPU or a GPU."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(MESSAGE.search(str(error)))


def free_memory() -> None:
    """Give back what the failed attempt still holds."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe_longest(batch: Sequence[Example]) -> str:
    """RETURNS (str): How many documents a batch has, and which is the longest."""
    longest: Doc = max((example.reference for example in batch), key=len)
    return (
        f"a batch of {len(batch)} document{'s' * (len(batch) > 1)}, "
        f"the longest ({len(longest):,} tokens): {_name(longest)}"
    )


def _name(doc: Doc) -> str:
    record = doc.user_data.get("record")
    if isinstance(record, dict) and "id" in record:
        return f"record {record['id']} ({record.get('source')}:{record.get('line')})"
    return f"the one that begins with {doc.text[:20]!r}"
