"""Training a pipeline: spaCy's own initialisation and loop, with checks before and a clean end."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST
from spacy.training.loop import train as train_nlp

from ..compat import fcntl
from ..errors import XinzhiError
from .checks import check_config_file, check_inputs, readable_errors
from .dev_annotation import check_dev_annotation
from .device import use_device
from .memory import return_freed_memory

UNFINISHED = "unfinished"


def train(
    config_path: str | Path,
    output: str | Path,
    gpu_id: int = -1,
    overrides: dict[str, Any] | None = None,
) -> Path:
    """Train a pipeline exactly as `python -m spacy train` does.

    The pipeline grows in OUTPUT/unfinished. OUTPUT/model-best and OUTPUT/model-last appear, or are
    replaced, when the training has ended without error.

    config_path (str / Path): A spaCy training config.
    output (str / Path): The folder to write model-best and model-last into.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    overrides (dict): Config settings by dotted name, e.g. {"paths.train": "corpus/train.spacy"}.
    RETURNS (Path): The folder of the best pipeline, OUTPUT/model-best.
    RAISES (XinzhiError): Something the user can put right: a missing file, an invalid setting, an
        unknown encoder, a GPU that is not there, an output folder that cannot be written or that
        another training is writing to.
    """
    config_path, output = Path(config_path), Path(output)
    check_config_file(config_path)
    use_device(gpu_id)
    return_freed_memory()
    with readable_errors(config_path):
        config = util.load_config(config_path, overrides=overrides or {}, interpolate=False)
        check_inputs(config.interpolate(), config_path)
    with _held(output), readable_errors(config_path), _work_folder(output) as work:
        print("Initialising the pipeline from the training data …", flush=True)
        nlp = init_nlp(config, use_gpu=gpu_id)
        _check_dev(nlp, config_path)
        train_nlp(nlp, work, use_gpu=gpu_id, stdout=sys.stdout, stderr=sys.stderr)
        return _publish(work, output)


def best_score(model_best: Path) -> dict[str, Any]:
    """Read the scores that spaCy stored when it saved the best pipeline.

    model_best (Path): The folder of the pipeline.
    RETURNS (dict): "score" (float): the weighted sum training selects by; "scores" (dict): each
        score with a weight above 0, by its spaCy name.
    """
    performance = srsly.read_json(model_best / "meta.json")["performance"]
    weights = util.load_config(model_best / "config.cfg")["training"]["score_weights"]
    scores = {name: performance.get(name) or 0.0 for name, weight in weights.items() if weight}
    return {"score": sum(weights[name] * value for name, value in scores.items()), "scores": scores}


@contextmanager
def _held(output: Path) -> Iterator[None]:
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
def _work_folder(output: Path) -> Iterator[Path]:
    """Make an empty folder in `output` to train in.

    A training that stops early leaves it there if it holds a pipeline, and says so; the next
    training moves that pipeline out of its way, to `unfinished-1` and so on.
    """
    work = output / UNFINISHED
    try:
        if _holds_pipeline(work):
            print(f"The unfinished training before this one: {_put_aside(work)}", flush=True)
        elif work.exists():
            shutil.rmtree(work)
        work.mkdir()
    except OSError as err:
        raise _cannot_write(output, err) from err
    try:
        yield work
    except BaseException:
        if _holds_pipeline(work):
            print(f"Training did not finish. The best so far: {work / DIR_MODEL_BEST}", flush=True)
        else:
            shutil.rmtree(work, ignore_errors=True)
        raise


def _holds_pipeline(work: Path) -> bool:
    return (work / DIR_MODEL_BEST / "config.cfg").is_file()


def _put_aside(work: Path) -> Path:
    """RETURNS (Path): Where the folder is now."""
    numbers = (n for n in count(1) if not work.with_name(f"{work.name}-{n}").exists())
    return work.rename(work.with_name(f"{work.name}-{next(numbers)}"))


def _cannot_write(output: Path, err: OSError) -> XinzhiError:
    return XinzhiError(
        f"Cannot write to the output folder {output}: {err.strerror}.",
        "Name a folder you may write to with -o.",
    )


def _check_dev(nlp: Language, config_path: Path) -> None:
    training = nlp.config.interpolate()["training"]
    (dev_corpus,) = util.resolve_dot_names(nlp.config.interpolate(), [training["dev_corpus"]])
    check_dev_annotation(dev_corpus(nlp), training["score_weights"], str(config_path))


def _publish(work: Path, output: Path) -> Path:
    """Move the finished pipelines into their places, then drop the work folder."""
    for name in (DIR_MODEL_LAST, DIR_MODEL_BEST):
        target, old = output / name, work / f"old-{name}"
        if target.exists():
            target.rename(old)
        (work / name).rename(target)
    shutil.rmtree(work)
    return output / DIR_MODEL_BEST
