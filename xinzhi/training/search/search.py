"""`xinzhi search`: find good values for the settings that a config names, and check them."""

from __future__ import annotations

import multiprocessing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinc.api import Config

from ...errors import XinzhiError
from ..checks import check_config_file, check_inputs, readable_errors
from ..linter import lint
from ..output_folder import held
from ..run_record import differing_settings
from ..train import load_config, report_lint
from .compare import compare_configs
from .report import collect, write_report
from .space import SearchSettings, read_settings, set_values
from .study import continue_interrupted, count_trials, default_values
from .trial import TRIALS, Job, work, work_beside_others

if TYPE_CHECKING:
    from optuna import Study

DEFAULT, BEST = "default.cfg", "best.cfg"
SPACE = "space"


def search(
    config_path: str | Path,
    output: str | Path,
    gpu_id: int = -1,
    overrides: dict[str, Any] | None = None,
    *,
    workers: int = 1,
    trials: int | None = None,
    repeats: int | None = None,
    engine: str = "local",
) -> dict[str, Any]:
    """Search for the best values of the settings in [search.space].

    A search that was stopped goes on when it is called again with the same output: what has been
    tried is not tried again, and a trial that was interrupted goes on from its checkpoint.

    config_path (str / Path): A training config with a section [search]; see `SearchSettings`.
    output (str / Path): The folder for the study, best.cfg, default.cfg, search.json, report.html
        and the records of the trials.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    overrides (dict): Config settings by dotted name; best.cfg has them too.
    workers (int): How many trials to run at a time, each in a process of its own.
    trials, repeats (int): In place of those in [search].
    engine (str): What runs the trials: "local", or "ray", a Ray cluster.
    RETURNS (dict): See `report.collect`, with "config" (best.cfg), "report" (report.html) and
        "comparison" (see `compare.compare_configs`; None without repeats).
    RAISES (XinzhiError): Something the user can put right.
    """
    config_path, output = Path(config_path), Path(output)
    check_config_file(config_path)
    if engine not in ENGINES:
        raise XinzhiError(f"There is no engine '{engine}'.", f"Use one of {', '.join(ENGINES)}.")
    with readable_errors(config_path):
        config = load_config(config_path, overrides or {})
        plain = config.interpolate()
        check_inputs(plain, config_path)
        settings = read_settings(plain, trials=trials, repeats=repeats)
        report_lint(lint(plain), ignore=False)
    with held(output):
        job = _prepare(config, output, settings, gpu_id, workers)
        study = job.open_study()
        _take_up(job, study)
        ENGINES[engine](job, study)
        result = collect(study, settings.space)
        best = _best_trial(result, output)
        _write_config(set_values(config, best["values"]), output / BEST)
        result["default"] = {item.name: item.default for item in settings.space}
        result["comparison"] = _compare(job, result["default"], best)
        report = write_report(output, result)
    return {**result, "config": output / BEST, "report": report}


def _prepare(
    config: Config, output: Path, settings: SearchSettings, gpu_id: int, workers: int
) -> Job:
    """Write default.cfg.

    RAISES (XinzhiError): The folder holds a search of another config.
    """
    default = set_values(config, {})
    path = output / DEFAULT
    text = _text(default)
    if path.is_file() and path.read_text(encoding="utf8") != text:
        raise XinzhiError(
            f"{output} holds a search that started from another config{_first_change(path, text)}.",
            "Use the same config and settings as then, or another folder with -o.",
        )
    path.write_text(text, encoding="utf8")
    training = default.interpolate()["training"]
    return Job(
        path,
        output,
        settings,
        gpu_id,
        workers,
        eval_frequency=training["eval_frequency"],
        max_steps=training["max_steps"],
    )


def _first_change(path: Path, text: str) -> str:
    """RETURNS (str): The first setting in which a config differs from that of the search."""
    old, new = Config().from_disk(path), Config().from_str(text)
    changed = sorted(differing_settings(old, new).items())
    return "".join(f": {name} was {was!r}, now it is {is_!r}" for name, (was, is_) in changed[:1])


def _take_up(job: Job, study: Study) -> None:
    """Go on with what was left of an earlier search, or put the default first in the queue."""
    settings, output = job.settings, job.output
    space = [asdict(item) for item in settings.space]
    if study.user_attrs.get(SPACE, space) != space:
        raise XinzhiError(
            f"{output} holds a search with another search space.",
            "Use the same [search.space] as then, or another folder with -o.",
        )
    study.set_user_attr(SPACE, space)
    for folder in [t.user_attrs["folder"] for t in _running(study)]:
        with held(output / TRIALS / folder):
            pass  # a worker of a killed search that is still at it holds the folder: an error
    continued = continue_interrupted(study)
    values = default_values(settings.space)
    if values and not study.trials:
        study.enqueue_trial(values)
    if study.trials:
        print(
            f"{count_trials(study)} of {settings.trials} trials are there, "
            f"{len(continued)} to go on with.",
            flush=True,
        )


def _running(study: Study) -> list[Any]:
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    return [trial for trial in trials if "folder" in trial.user_attrs]


def _run_workers(job: Job, study: Study) -> None:
    if job.workers == 1:
        work(job, study)
        return
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=work_beside_others, args=(job, number), daemon=True)
        for number in range(job.workers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    codes = [process.exitcode for process in processes if process.exitcode]
    if codes:
        raise XinzhiError(
            f"{len(codes)} of {job.workers} workers ended early (exit code {codes[0]}).",
            "The same command goes on with the search; use fewer --workers if memory ran out.",
        )


def _run_in_ray(job: Job, study: Study) -> None:
    from .remote import run_on_ray

    run_on_ray(job)


ENGINES = {"local": _run_workers, "ray": _run_in_ray}


def _best_trial(result: dict[str, Any], output: Path) -> dict[str, Any]:
    for trial in result["trials"]:
        if trial["number"] == result["best"]:
            return trial
    errors = [trial["error"] for trial in result["trials"] if trial["error"]]
    raise XinzhiError(
        f"No trial was completed. {errors[-1] if errors else ''}".strip(),
        f"What each printed is in {output / TRIALS}.",
    )


def _compare(job: Job, default: dict[str, Any], best: dict[str, Any]) -> dict[str, Any] | None:
    if not job.settings.repeats:
        return None
    if best["values"] == default:
        print("The default is the best that was found.", flush=True)
        return None
    return compare_configs(
        job.config_path,
        job.output / BEST,
        job.output,
        job.settings.repeats,
        job.gpu_id,
        best["score"],
    )


def _write_config(config: Config, path: Path) -> None:
    work = path.with_name(f".{path.name}")
    work.write_text(_text(config), encoding="utf8")
    work.replace(path)


def _text(config: Config) -> str:
    return config.to_str(interpolate=False) + "\n"
