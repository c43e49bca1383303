"""Prove that a wheel works where xinzhi is not: install, load, predict, compare, measure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import srsly
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from ..errors import XinzhiError
from . import selftest
from .compare import first_difference, largest_difference
from .environment import create_environment, install_wheel, link_dependencies
from .library import PACKAGE

SAMPLES = [
    "深圳市南山区建设智慧城市，服务窗口办事效率很高。",
    "The new metro line in Hangzhou cut the commute by 15 minutes.",
    "公交车太挤了，早高峰等了半个小时！",
    "社区养老中心上周开放，居民都很满意😊",
    "Smart street lights were installed along 长安街 in 2023.",
    "",
    "2024年3月，北京市政务服务中心推出“一网通办”App v2.0。",
    "停车难、停车贵，希望有关部门管一管。",
]


def read_texts(texts: Path | None, corpus: Path | None, n: int) -> list[str]:
    """The texts to predict on.

    texts (Path | None): A UTF-8 file, one text a line.
    corpus (Path | None): A .spacy file; used if `texts` is None.
    n (int): How many at most.
    RETURNS (list[str]): The first texts, or a few built-in ones if neither file is given.
    RAISES (XinzhiError): If the file cannot be read or is empty.
    """
    source = texts or corpus
    if source is None:
        return SAMPLES[:n]
    try:
        found = _lines(source) if source == texts else _doc_texts(source)
    except (OSError, ValueError) as err:
        raise XinzhiError(
            f"{source} cannot be read: {err}",
            "--texts takes a UTF-8 file with one text a line, --corpus a .spacy file.",
        ) from err
    if not found:
        raise XinzhiError(f"{source} holds no text.", "Give a file with at least one.")
    return found[:n]


def verify_wheel(
    wheel: Path,
    texts: list[str],
    *,
    pipeline: Path | None = None,
    python: str = sys.executable,
    constraints: Path | None = None,
    offline: bool = False,
) -> dict[str, Any]:
    """Install a wheel into a throw-away environment and compare its predictions.

    wheel (Path): The wheel.
    texts (list[str]): What to predict on, at least one.
    pipeline (Path | None): The pipeline folder it was made from; its predictions in this
        environment are what the wheel's must equal. None leaves that comparison out.
    python (str): Interpreter for the new environment.
    constraints (Path | None): A pip constraints file for the dependencies.
    offline (bool): Lend the new environment this one's packages instead of an index.
    RETURNS (dict[str, Any]): Times in seconds, sizes in bytes, what was compared.
    RAISES (XinzhiError): On any failure or difference.
    """
    package = _package_of(wheel)
    if offline and Path(python).resolve() != Path(sys.executable).resolve():
        raise XinzhiError(
            "--offline lends the packages of this Python and cannot use another one.",
            "Leave out --python, or run xinzhi verify with that interpreter.",
        )
    where = "with this environment's packages" if offline else "from the package index"
    with tempfile.TemporaryDirectory(prefix="verify-") as work:
        expected = _expected(pipeline, texts, Path(work)) if pipeline else None
        _say(f"Installing {wheel.name} into a new environment, {where} …")
        new_python = create_environment(Path(work) / "environment", python)
        install_wheel(new_python, wheel, constraints, dependencies=not offline)
        if offline:
            link_dependencies(new_python, Path(work) / "lent", [PACKAGE, package])
        job = {"load": package, "texts": texts, "isolated": True, "library": PACKAGE}
        _say(f"Predicting there on {len(texts)} documents …")
        result = _run_selftest([str(new_python), "-I"], job, Path(work) / "elsewhere")
    check_result(package, result, expected)
    return _report(wheel, package, result, expected, offline)


def _package_of(wheel: Path) -> str:
    """RETURNS (str): The package in a wheel, e.g. "zh_smartcity"."""
    if not wheel.is_file():
        raise XinzhiError(f"There is no wheel {wheel}.", "Build it: xinzhi package")
    try:
        name, _, _, _ = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename as err:
        raise XinzhiError(f"{wheel} is not a wheel: {err}", "Build it: xinzhi package") from err
    package = name.replace("-", "_")
    try:
        with zipfile.ZipFile(wheel) as archive:
            broken, names = archive.testzip(), archive.namelist()
    except (zipfile.BadZipFile, zlib.error, EOFError) as err:
        raise XinzhiError(f"{wheel} is damaged: {err}", "Build it again: xinzhi package") from err
    if broken:
        raise XinzhiError(f"{wheel} is damaged: {broken}", "Build it again: xinzhi package")
    if f"{package}/meta.json" not in names:
        raise XinzhiError(
            f"{wheel} carries no spaCy pipeline: it has no {package}/meta.json.",
            "Name a wheel that xinzhi package built, e.g. packages/zh_smartcity-….whl",
        )
    return package


def _expected(pipeline: Path, texts: list[str], work: Path) -> list[dict[str, Any]]:
    if not (pipeline / "meta.json").is_file():
        raise XinzhiError(
            f"{pipeline} is not a saved pipeline: it has no meta.json.",
            "--pipeline takes the folder that the wheel was made from.",
        )
    _say(f"Predicting with {pipeline} on {len(texts)} documents …")
    job = {"load": str(pipeline.resolve()), "texts": texts, "isolated": False, "library": PACKAGE}
    predictions = _run_selftest([sys.executable], job, work / "training")["predictions"]
    assert isinstance(predictions, list)
    return predictions


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


def _run_selftest(interpreter: list[str], job: dict[str, Any], folder: Path) -> dict[str, Any]:
    folder.mkdir()
    script = shutil.copy(selftest.__file__, folder)
    srsly.write_json(folder / "job.json", job)
    command = [*interpreter, script, str(folder / "job.json"), str(folder / "result.json")]
    hidden = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # the pipeline must do without these
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    env.update(HF_HOME=str(folder / "hub"), PYTHONUTF8="1")
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, encoding="utf8", errors="replace",
        check=False,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        where = "a clean environment" if job["isolated"] else "the training environment"
        raise XinzhiError(
            f"{job['load']} failed in {where}:\n" + "\n".join(lines[-12:]),
            "The last line says why; correct it and build the wheel again.",
        )
    result = srsly.read_json(folder / "result.json")
    assert isinstance(result, dict)
    return {**result, "messages": done.stderr.strip()}


def check_result(
    package: str, result: dict[str, Any], expected: list[dict[str, Any]] | None
) -> None:
    """Judge what the self-test measured.

    package (str): The wheel's package, for the message.
    result (dict[str, Any]): From `selftest.measure`.
    expected (list[dict[str, Any]] | None): The training environment's predictions.
    RAISES (XinzhiError): On a connection attempt or any difference.
    """
    if result["connection_attempts"]:
        raise XinzhiError(
            f"{package} tried to reach the network: {result['connection_attempts'][0]}",
            "A packaged pipeline must hold all it needs; look at what its components load.",
        )
    comparisons = [("in two spawned processes", result["predictions"], result["two_processes"])]
    if expected is not None:
        comparisons.append(("than the training environment", expected, result["predictions"]))
    for what, reference, found in comparisons:
        difference = first_difference(reference, found)
        if difference:
            raise XinzhiError(
                f"{package} predicts otherwise {what}. Document {difference}",
                "Compare the versions in the wheel's meta.json with those installed, and that "
                "--pipeline is the folder the wheel was made from.",
            )


def _report(
    wheel: Path,
    package: str,
    result: dict[str, Any],
    expected: list[dict[str, Any]] | None,
    offline: bool,
) -> dict[str, Any]:
    apart = largest_difference(expected, result["predictions"]) if expected else None
    kept = ("python", "pipeline", "import_seconds", "load_seconds", "first_prediction_seconds")
    return {
        "wheel": wheel.name,
        "package": package,
        "environment": "this one's packages" if offline else "clean",
        **{key: result[key] for key in kept},
        "documents": len(result["predictions"]),
        "compared_with_training": expected is not None,
        "largest_score_difference": apart,
        "wheel_bytes": wheel.stat().st_size,
        "installed_bytes": result["installed_bytes"],
        "peak_memory_bytes": result["peak_memory_bytes"],
        "messages": result["messages"],
    }


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf8").splitlines() if line.strip()]


def _doc_texts(path: Path) -> list[str]:
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    return [doc.text for doc in DocBin().from_disk(path).get_docs(Vocab())]
