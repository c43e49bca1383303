"""One process per contender: what one of them sets (threads, denormals, allocator) or holds in
memory does not help or hurt another. Only one of them works at a time."""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from ..errors import XinzhiError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


class Worker:
    """A process that holds one object and runs functions on it.

    name (str): For messages.
    threads (int): How many threads its libraries may use.
    make (Callable): Makes the object, in the new process; it and its arguments can be pickled.
    """

    def __init__(self, name: str, threads: int, make: Callable, *args: Any) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, threads, make, args), daemon=True
        )
        with thread_limit(threads):
            self._process.start()
        theirs.close()
        try:
            self._receive()
        except BaseException:
            self.close()
            raise

    def run(self, function: Callable, *args: Any) -> Any:
        """Run `function(object, *args)` in the process.

        RETURNS (Any): What it returns.
        RAISES (XinzhiError): As it raised, or the process has ended.
        RuntimeError: Any other error there, with its traceback.
        """
        self._connection.send((function, args))
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.terminate()
        self._process.join()

    def _receive(self) -> Any:
        try:
            kind, value = self._connection.recv()
        except (EOFError, ConnectionError) as err:
            self._process.join()
            raise XinzhiError(
                f"The process of '{self.name}' has ended (exit code {self._process.exitcode}).",
                "Is there memory enough? Measure fewer contenders at a time with --only.",
            ) from err
        if kind == "error":
            raise XinzhiError(*value)
        if kind == "crash":
            raise RuntimeError(f"In the process of '{self.name}':\n{value}")
        return value


@contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Set the variables by which libraries choose their threads, for processes started inside."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, threads: int, make: Callable, args: tuple) -> None:
    """Make the object, then answer until the parent closes the connection."""
    _be_silent()
    held: list[Any] = []

    def start() -> None:
        import torch

        torch.set_num_threads(threads)
        held.append(make(*args))

    _answer(connection, start)
    while held:
        try:
            function, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        _answer(connection, partial(function, held[0], *arguments))


def _be_silent() -> None:
    """Libraries report what they load, their progress and their doubts; errors go to the parent."""
    warnings.simplefilter("ignore")
    with open(os.devnull, "w") as nowhere:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere.fileno(), stream.fileno())


def _answer(connection: Connection, function: Callable[[], Any]) -> None:
    try:
        connection.send(("value", function()))
    except XinzhiError as err:
        connection.send(("error", (err.fact, err.next_step)))
    except Exception:
        connection.send(("crash", traceback.format_exc()))
