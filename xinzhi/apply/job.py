"""A job: cut the input, let an engine predict the parts, put the output together."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..compat import fcntl
from ..errors import XinzhiError
from ..files import replaced_folder
from ..provenance import data_fingerprint
from .engines import Engine, get_engine
from .inputs import STDIN, Fields, find_files, read_texts
from .outputs import OUTPUTS, join_problems
from .parts import PART_SIZE, Done, Folder, Part, cut
from .worker import BATCH_SIZE, Task, load

Progress = Callable[[int], None]


@dataclass(frozen=True)
class ApplyReport:
    """What a job did.

    output (Path): The file (or the folder of DocBins) with the predictions.
    texts (int): Texts in it.
    problems (int): Records that could not be predicted; they are in `errors`.
    errors (Path | None): JSON Lines with file, line, record and fact; None if there are none.
    resumed (int): Parts that an earlier run had done.
    """

    output: Path
    texts: int
    problems: int
    errors: Path | None
    resumed: int


def apply(
    pipeline: str,
    inputs: Sequence[str],
    output: Path,
    *,
    to: str | None = None,
    fields: Fields | None = None,
    engine: str = "local",
    workers: int = 1,
    part_size: int = PART_SIZE,
    batch_size: int = BATCH_SIZE,
    disable: Sequence[str] = (),
    threads: int = 0,
    gpu_id: int = -1,
    restart: bool = False,
    force: bool = False,
    progress: Progress = lambda count: None,
) -> ApplyReport:
    """Run a pipeline over the texts of files and write what it predicts, in the order of the input.

    Until the output is complete its parts are in a folder beside it. A run that was killed goes on
    from there when the same command is given again; nothing is in the output twice or missing.

    pipeline (str): Path or package name of any spaCy pipeline.
    inputs (Sequence[str]): Files, folders, globs, or "-" for JSON Lines on standard input.
    output (Path): The file to make.
    to (str | None): "jsonl", "parquet" or "docbin"; None: by the suffix of the output.
    fields (Fields | None): Where the records hold text and id.
    engine (str): Name of a registered engine: "local", "ray" or "spark".
    workers (int): Processes, or actors, each with its own pipeline.
    part_size (int): Texts of a part: what is lost at most per worker when a run is killed.
    batch_size (int): Texts that go through the pipeline at a time.
    disable (Sequence[str]): Components that do not run.
    threads (int): Threads of each worker; 0: all for one worker, one for each of several.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    restart (bool): Throw away what an unfinished run has done.
    force (bool): Replace an existing output.
    progress (Callable): Called with the number of records of every part that is done.
    RETURNS (ApplyReport): What was done.
    RAISES (XinzhiError): If something named is not there, or an unfinished run was another one.
    """
    files = find_files(inputs)
    _check_output(output, files, force)
    name = _output_format(output, to)
    runner = get_engine(engine)
    work = _work_folder(output)
    threads = threads or (0 if workers == 1 and engine == "local" else 1)
    task = Task(pipeline, str(work.absolute()), name, batch_size, tuple(disable), threads, gpu_id)
    fields = fields or Fields()
    with _sole_run(work, output):
        _check_pipeline(task)
        folder = task.parts
        if restart:
            folder.clear()
        resumed = folder.begin(_settings(task, files, fields, part_size))
        parts = cut(read_texts(files, fields), part_size)
        done = _run(task, runner, parts, workers, progress)
        report = _finish(folder, name, output, done, resumed)
        folder.clear()
    return report


@contextmanager
def _sole_run(work: Path, output: Path) -> Iterator[None]:
    """Keep a second command from the same output (not on Windows, nor on drives without locks).

    The lock goes with the process, however it ends. The folder goes if there is nothing in it.
    """
    handle = os.open(work, os.O_RDONLY) if fcntl else None
    try:
        if handle is not None:
            _lock(handle, output)
        yield
        with suppress(OSError):
            work.rmdir()
    finally:
        if handle is not None:
            os.close(handle)


def _lock(handle: int, output: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        raise XinzhiError(
            f"Another command is writing {output}.", "Wait for it, or choose another output."
        ) from err
    except OSError:
        return


def _run(
    task: Task, engine: Engine, parts: Iterable[Part], workers: int, progress: Progress
) -> list[Done]:
    """Predict the parts that are not done. RETURNS (list[Done]): The marks of all, in order."""
    marks: dict[int, Done] = {}
    last = 0

    def count(done: Done) -> None:
        marks[done.number] = done
        progress(done.texts + done.problems)

    def missing() -> Iterator[Part]:
        nonlocal last
        for part in parts:
            last = part.number
            done = task.parts.done(part.number)
            if done is None:
                yield part
            elif done.digest != part.digest:
                raise XinzhiError(
                    f"The input has changed since the unfinished run: part {part.number} "
                    f"({_place(part)}) is not what it was.",
                    "Begin anew with --restart.",
                )
            else:
                count(done)

    for done in engine.run(task, missing(), workers):
        count(done)
    for part in parts:  # an engine that stopped early
        last = part.number
    if lost := [number for number in range(1, last + 1) if number not in marks]:
        raise XinzhiError(
            f"The engine has not predicted part {lost[0]} and {len(lost) - 1} others.",
            "Give the command again: it goes on with them.",
        )
    return [marks[number] for number in sorted(marks)]


def _finish(folder: Folder, name: str, output: Path, done: list[Done], resumed: int) -> ApplyReport:
    """Put the output together, and the file of errors; they appear when they are complete."""
    problems = sum(item.problems for item in done)
    errors = _errors_of(output)
    with replaced_folder(folder.path / "joined") as joined:
        OUTPUTS[name].join([folder.rows(item.number) for item in done], joined / "output")
        if problems:
            lines = join_problems(folder.problems(item.number) for item in done)
            with (joined / "errors").open("w", encoding="utf8") as file:
                file.writelines(lines)
    if output.is_dir():
        shutil.rmtree(output)
    errors.unlink(missing_ok=True)
    if problems:
        (folder.path / "joined" / "errors").replace(errors)
    (folder.path / "joined" / "output").replace(output)
    texts = sum(item.texts for item in done)
    return ApplyReport(output, texts, problems, errors if problems else None, resumed)


def _settings(task: Task, files: list[Path], fields: Fields, part_size: int) -> dict[str, Any]:
    """All that decides the output: a run with other settings must not go on with its parts."""
    nlp = load(task)
    settings = {
        "pipeline": task.pipeline,
        "sha256": data_fingerprint([nlp.path])["sha256"],  # it may have been trained again
        "components": nlp.pipe_names,
        "inputs": [str(path) for path in files],
        "fields": asdict(fields),
        "output": task.output,
        "batch_size": task.batch_size,
        "part_size": part_size,
    }
    return json.loads(json.dumps(settings))


def _output_format(output: Path, to: str | None) -> str:
    """RETURNS (str): Name of the format of the output."""
    suffixes = {fmt.suffix: name for name, fmt in OUTPUTS.items()}
    name = to or suffixes.get(output.suffix.lower())
    if name not in OUTPUTS:
        raise XinzhiError(
            f"The format of {output} is not clear."
            if to is None
            else f"There is no output '{to}'.",
            f"Name one with --to: {', '.join(OUTPUTS)}.",
        )
    return name


def _check_output(output: Path, files: Sequence[Path], force: bool) -> None:
    if output == STDIN:
        raise XinzhiError(
            "The output cannot be standard output.", "Name a file, such as out.jsonl."
        )
    if output.exists() and not force:
        raise XinzhiError(f"{output} exists.", "Choose another name, or replace it with --force.")
    written = {output.resolve(), _errors_of(output).resolve()}
    if own := [path for path in files if path.resolve() in written]:
        raise XinzhiError(
            f"{own[0]} is one of the inputs, and the command would write it.",
            "Choose another place for the output.",
        )


def _errors_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.errors.jsonl")


def _work_folder(output: Path) -> Path:
    work = output.with_name(f".{output.name}.parts")
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise XinzhiError(
            f"{work} cannot be made: {err.strerror}.", "Choose another place for the output."
        ) from err
    return work


def _check_pipeline(task: Task) -> None:
    """Before anything is done: the pipeline loads, and has the components to disable."""
    try:
        load(task)
    except ValueError as err:
        raise XinzhiError(
            f"A component to disable is not in the pipeline: {err}", "See `nlp.pipe_names`."
        ) from err


def _place(part: Part) -> str:
    first = part.items[0]
    return f"from {first.source}:{first.line}"
