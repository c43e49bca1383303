"""A process of its own: what it returns, and how it fails."""

from __future__ import annotations

import os
import sys

import pytest

from xinzhi.benchmark import tasks
from xinzhi.benchmark.worker import THREAD_VARIABLES, Worker, thread_limit
from xinzhi.errors import XinzhiError


def make_number(number: int) -> int:
    return number


def fail_to_make() -> None:
    raise XinzhiError("There is no 模型.", "Make one.")


def add(held: int, number: int) -> int:
    print("not an answer")
    return held + number


def divide(held: int, number: int) -> float:
    return held / number


def leave(held: int) -> None:
    sys.stdout.flush()
    os._exit(3)


def variable(held: int, name: str) -> str | None:
    return os.environ.get(name)


def test_a_worker_answers_fails_and_ends() -> None:
    worker = Worker("数", 1, make_number, 40)
    try:
        assert worker.run(add, 2) == 42
        with pytest.raises(RuntimeError, match=r"(?s)process of '数'.*ZeroDivisionError"):
            worker.run(divide, 0)
        assert worker.run(divide, 8) == 5, "it goes on after an error"
        assert worker.run(variable, "OMP_NUM_THREADS") == "1"
        assert worker.run(tasks.used_threads) == 1
        worker.run(tasks.set_threads, 2)
        assert worker.run(tasks.used_threads) == 2
        with pytest.raises(XinzhiError, match="exit code 3") as error:
            worker.run(leave)
        assert "memory" in error.value.next_step
    finally:
        worker.close()


@pytest.mark.slow
def test_an_object_that_cannot_be_made() -> None:
    with pytest.raises(XinzhiError, match="There is no 模型") as error:
        Worker("x", 1, fail_to_make)
    assert error.value.next_step == "Make one."


def test_thread_limit_puts_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = THREAD_VARIABLES[:2]
    monkeypatch.setenv(first, "7")
    monkeypatch.delenv(second, raising=False)
    with thread_limit(3):
        assert {os.environ[name] for name in THREAD_VARIABLES} == {"3"}
    assert os.environ[first] == "7"
    assert second not in os.environ
