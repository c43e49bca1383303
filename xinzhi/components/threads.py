"""`xinzhi.Threads.v1`: how many threads torch computes with, as `xinzhi optimize` has measured."""

from __future__ import annotations

import os
from collections.abc import Callable

from spacy.language import Language
from spacy.util import registry

from ..errors import XinzhiError


@registry.callbacks("xinzhi.Threads.v1")
def configure_threads(threads: int) -> Callable[[type[Language]], type[Language]]:
    """For `[nlp.before_creation]`: set the number of torch's threads when the pipeline is loaded.

    It holds for the whole process, as everything about threads in torch. The environment variable
    OMP_NUM_THREADS has the last word, and there are never more threads than cores.

    threads (int): How many, at least 1.
    RETURNS (Callable): What spaCy calls with the language's class, and gives it back.
    RAISES (XinzhiError): For less than one.
    """
    if threads < 1:
        raise XinzhiError(
            f"xinzhi.Threads.v1: threads = {threads} is not valid.",
            "Set [nlp.before_creation] threads to 1 or more.",
        )

    def set_threads(language: type[Language]) -> type[Language]:
        import torch

        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(min(threads, os.cpu_count() or 1))
        return language

    return set_threads
