"""Training a pipeline: spaCy's initialisation and steps, with checks before and a clean end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST
from thinc.api import Config

from ..errors import XinzhiError
from .checkpoint import latest_checkpoint, read_state
from .checks import check_config_file, check_inputs, readable_errors
from .context import Run, running
from .determinism import deterministic as torch_deterministic
from .dev_annotation import check_dev_annotation
from .device import use_device
from .distributed.environment import own_device, restarts
from .distributed.group import ALONE, Group
from .distributed.trainer import SharedTrainer
from .guard import LOWEST_BEST
from .linter import ERROR, Finding, lint
from .loggers.wrap import wrap_logger
from .loop import CHECKPOINTS, Info, Outcome, Trainer
from .memory import return_freed_memory
from .output_folder import UNFINISHED, held, publish, work_folder
from .run_record import (
    FOLDER,
    check_same_run,
    data_files,
    now,
    resume_record,
    start_record,
    update_record,
)
from .settings import SECTION, RunSettings, run_settings
from .timing import describe_split, hint
from .weights import weights_hash


class NothingLearned(XinzhiError):
    """Training broke before there was anything worth keeping."""


def train(
    config_path: str | Path,
    output: str | Path,
    gpu_id: int = -1,
    overrides: dict[str, Any] | None = None,
    *,
    resume: bool = False,
    deterministic: bool = False,
    ignore_lint: bool = False,
    should_stop: Callable[[Info], str | None] = lambda info: None,
    group: Group = ALONE,
) -> Path:
    """Train a pipeline as `python -m spacy train` does: same config, same seed, same weights.

    The pipeline grows in OUTPUT/unfinished. OUTPUT/model-best, OUTPUT/model-last and OUTPUT/run
    (config, log.jsonl, run.json) appear, or are replaced, when the training has ended without
    error.

    config_path (str / Path): A spaCy training config; see `RunSettings` for what may be added.
    output (str / Path): The folder to write to.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    overrides (dict): Config settings by dotted name, e.g. {"paths.train": "corpus/train.spacy"}.
    resume (bool): Go on from the last checkpoint of a training that did not end; start anew if
        there is none.
    deterministic (bool): Let torch use deterministic algorithms only, and print a hash of the
        weights.
    ignore_lint (bool): Train although the linter has found errors.
    should_stop (Callable): Called with the info of every evaluation; a text stops training.
    group (Group): The processes that train together. Each of them calls this, with the same config
        and corpora, and an output folder that all see.
    RETURNS (Path): The folder of the best pipeline, OUTPUT/model-best.
    RAISES (XinzhiError): Something the user can put right: a missing file, an invalid setting, an
        unknown encoder, a GPU that is not there, an output folder that cannot be written or that
        another training is writing to, an error of the linter, nothing learned.
    """
    config_path, output = Path(config_path), Path(output)
    check_config_file(config_path)
    if group.size > 1:
        gpu_id = own_device(gpu_id)
    use_device(gpu_id)
    return_freed_memory()
    with readable_errors(config_path):
        config = load_config(config_path, overrides or {})
        check_inputs(config.interpolate(), config_path)
        settings = run_settings(config.interpolate().get(SECTION, {}))
        report_lint(lint(config.interpolate()), ignore_lint)
    mode: AbstractContextManager = torch_deterministic(gpu_id >= 0)
    with (
        readable_errors(config_path),
        _folder(output, resume, group) as (work, resume),
        mode if deterministic else nullcontext() as undetermined,
    ):
        print("Initialising the pipeline from the training data …", flush=True)
        nlp = init_nlp(config, use_gpu=gpu_id)
        if group.is_first:
            _check_dev(nlp, config_path)
        with running(_start_run(work, nlp, gpu_id)) if group.is_first else nullcontext():
            outcome = _trainer(nlp, work, settings, gpu_id, should_stop, group).run(resume)
        if not group.is_first:
            return output / DIR_MODEL_BEST
        digest = weights_hash(nlp)
        _conclude(outcome, work, digest)
        if deterministic:
            for line in undetermined or []:
                print(f"⚠ {line}", flush=True)
            print(f"Weights after the last step, SHA-256: {digest}", flush=True)
        return publish(work, output)


@contextmanager
def _folder(output: Path, resume: bool, group: Group) -> Iterator[tuple[Path, bool]]:
    """The first process makes the folder to train in, and holds it; the others wait for that.

    YIELDS (tuple): The folder, and whether to go on with what is there: if torchrun has started the
        processes anew, they do so unasked.
    """
    work = output / UNFINISHED
    if group.is_first:
        with held(output):
            left = latest_checkpoint(work / CHECKPOINTS) is not None
            resume = resume or (group.size > 1 and restarts() > 0 and left)
            with work_folder(output, resume):
                yield work, group.tell(resume)
    else:
        yield work, group.tell(resume)


def _trainer(
    nlp: Language,
    work: Path,
    settings: RunSettings,
    gpu_id: int,
    should_stop: Callable[[Info], str | None],
    group: Group,
) -> Trainer:
    """RETURNS (Trainer): For one process, or for one of several."""
    wrap = wrap_logger(nlp)
    if group.size == 1:
        return Trainer(
            nlp, work, settings, use_gpu=gpu_id, wrap_logger=wrap, should_stop=should_stop
        )
    data = list(data_files(nlp.config.interpolate()).values())
    group.check_same(data, "The training data", "Copy the same corpora to every machine.")
    return SharedTrainer(
        nlp,
        work,
        settings,
        use_gpu=gpu_id,
        wrap_logger=wrap,
        should_stop=should_stop,
        group=group,
    )


def load_config(path: Path, overrides: dict[str, Any]) -> Config:
    """Read a config; unlike in spaCy, overrides may name settings of [run] that it lacks.

    path (Path): The config.
    overrides (dict): Settings by dotted name.
    RETURNS (Config): The config, not interpolated.
    """
    prefix = f"{SECTION}."
    ours = {k.removeprefix(prefix): v for k, v in overrides.items() if k.startswith(prefix)}
    theirs = {k: v for k, v in overrides.items() if not k.startswith(prefix)}
    config = util.load_config(path, overrides=theirs, interpolate=False)
    if ours:
        config[SECTION] = {**config.get(SECTION, {}), **ours}
    return config


def report_lint(findings: list[Finding], ignore: bool) -> None:
    """Print what the linter has found.

    findings (list): Its findings, errors first.
    ignore (bool): Let errors pass.
    RAISES (XinzhiError): For the first error; the others are printed.
    """
    errors = [finding for finding in findings if finding.level == ERROR and not ignore]
    for finding in findings:
        if finding not in errors[:1]:
            print(f"⚠ {finding}", flush=True)
    if errors:
        raise XinzhiError(
            f"{errors[0].fact} [{errors[0].rule}]",
            f"{errors[0].fix}\n  (To train all the same: --ignore-lint)",
        )


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


def _check_dev(nlp: Language, config_path: Path) -> None:
    training = nlp.config.interpolate()["training"]
    (dev_corpus,) = util.resolve_dot_names(nlp.config.interpolate(), [training["dev_corpus"]])
    check_dev_annotation(dev_corpus(nlp), training["score_weights"], str(config_path))


def _start_run(work: Path, nlp: Language, gpu_id: int) -> Run:
    """Start the record of a run, or go on with it if there is a checkpoint."""
    folder = work / FOLDER
    checkpoint = latest_checkpoint(work / CHECKPOINTS)
    if checkpoint is None:
        start_record(folder, nlp, gpu_id)
        return Run(folder)
    check_same_run(folder, nlp)
    step = read_state(checkpoint)["step"]
    resume_record(folder, step)
    return Run(folder, resumed_at=step)


def _conclude(outcome: Outcome, work: Path, digest: str) -> None:
    """Say and record how the training ended.

    RAISES (NothingLearned): It broke before anything was learned.
    """
    if outcome.broken and not (outcome.best_step and (outcome.best_score or 0.0) > LOWEST_BEST):
        raise NothingLearned(
            f"Training was stopped: {outcome.reason}. Until then nothing had been learned.",
            "Lower the learning rate (training.optimizer.learn_rate) or lengthen its warm-up, and "
            "look for odd values in the training data: xinzhi check",
        )
    update_record(
        work / FOLDER,
        status="finished",
        ended=now(),
        reason=outcome.reason,
        broken=outcome.broken,
        steps=outcome.step,
        best_score=outcome.best_score,
        best_step=outcome.best_step,
        seconds=outcome.seconds,
        weights_sha256=digest,
    )
    if outcome.broken:
        print(
            f"⚠ Training was stopped: {outcome.reason}. The best pipeline, of step "
            f"{outcome.best_step}, is kept. Lower the learning rate or lengthen its warm-up.",
            flush=True,
        )
    else:
        print(f"Ended at step {outcome.step}: {outcome.reason}.", flush=True)
    print(f"Time: {describe_split(outcome.seconds)}.", flush=True)
    if advice := hint(outcome.seconds):
        print(advice, flush=True)
