"""The folder that a training writes to: one training at a time, nothing half-finished in sight."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST

from ..compat import fcntl
from ..errors import XinzhiError
from .checkpoint import latest_checkpoint
from .loop import CHECKPOINTS
from .run_record import FOLDER as RUN

UNFINISHED = "unfinished"
PUBLISHED = (DIR_MODEL_LAST, DIR_MODEL_BEST, RUN)


@contextmanager
def held(output: Path) -> Iterator[None]:
    """Hold the output folder, made if need be, so that no second training writes to it.

    The system lets go of it when the process ends, however it ends. Windows, and file systems
    without locks, do without.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise _cannot_write(output, err) from err
    if fcntl is None:
        yield
        return
    handle = os.open(output, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        os.close(handle)
        raise XinzhiError(
            f"Another training is writing to {output}.",
            "Wait until it has ended, or name another folder with -o.",
        ) from err
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def taking_turns(path: Path) -> Iterator[None]:
    """Wait until no other process is in a block with the same file; without locks, go ahead."""
    with path.open("w") as file:
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def work_folder(output: Path, resume: bool) -> Iterator[Path]:
    """Make a folder in `output` to train in; with `resume`, take the one that is there.

    A training that stops early leaves it there if it holds something to use or to go on from, and
    says so; the next training moves it out of its way, to `unfinished-1` and so on.

    output (Path): The output folder.
    resume (bool): Go on in the folder of an unfinished training.
    YIELDS (Path): The folder.
    RAISES (XinzhiError): Nothing can be written there, or there is nothing to resume.
    """
    work = output / UNFINISHED
    if resume and not work.is_dir() and (output / DIR_MODEL_BEST).is_dir():
        raise XinzhiError(
            f"No unfinished training in {output}: the last one has ended.",
            "To train anew, leave --resume out.",
        )
    try:
        if not (resume and latest_checkpoint(work / CHECKPOINTS)):
            _make_room(work)
            work.mkdir()
    except OSError as err:
        raise _cannot_write(output, err) from err
    try:
        yield work
    except BaseException:
        _say_what_is_left(work)
        raise


def publish(work: Path, output: Path) -> Path:
    """Move the finished pipelines and their record into their places, then drop the work folder.

    RETURNS (Path): The best pipeline.
    """
    for name in PUBLISHED:
        target, old = output / name, work / f"old-{name}"
        if not (work / name).exists():  # moved already, before a kill
            continue
        if target.exists():
            target.rename(old)
        (work / name).rename(target)
    shutil.rmtree(work)
    return output / DIR_MODEL_BEST


def _make_room(work: Path) -> None:
    if _holds_pipeline(work):
        numbers = (n for n in count(1) if not work.with_name(f"{work.name}-{n}").exists())
        aside = work.rename(work.with_name(f"{work.name}-{next(numbers)}"))
        print(f"The unfinished training before this one: {aside}", flush=True)
    elif work.exists():
        shutil.rmtree(work)


def _say_what_is_left(work: Path) -> None:
    can_resume = latest_checkpoint(work / CHECKPOINTS) is not None
    if _holds_pipeline(work):
        print(f"Training did not finish. The best so far: {work / DIR_MODEL_BEST}", flush=True)
    elif not can_resume:
        shutil.rmtree(work, ignore_errors=True)
    if can_resume:
        print("The same command with --resume goes on from the last evaluation.", flush=True)


def _holds_pipeline(work: Path) -> bool:
    return (work / DIR_MODEL_BEST / "config.cfg").is_file()


def _cannot_write(output: Path, err: OSError) -> XinzhiError:
    return XinzhiError(
        f"Cannot write to the output folder {output}: {err.strerror}.",
        "Name a folder you may write to with -o.",
    )
