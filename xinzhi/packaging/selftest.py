"""Runs in the throw-away environment: load a pipeline, predict, measure. Needs spaCy only.

`xinzhi verify` copies this file into a folder of its own and runs it there, first with the training
environment's interpreter and then with the new one's. It must not import the library.

Usage: python selftest.py JOB.json RESULT.json
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from importlib import metadata, util
from pathlib import Path
from typing import Any

BATCH = 4  # the same in every run: batches of other sizes pad differently
NETWORK_EVENTS = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
DOC_VALUES = ("heads", "scores", "answers", "abstained")
attempts: list[str] = []
loading = False


class Forbidden(RuntimeError):
    """The pipeline tried something that a packaged pipeline must not do."""


def audit(event: str, args: tuple[Any, ...]) -> None:
    """Refuse connections at any time and pickle's look-ups while loading (PEP 578 hook)."""
    if event in NETWORK_EVENTS:
        attempts.append(f"{event} {args[-1] if event == 'socket.connect' else args}")
        raise Forbidden(f"network access: {attempts[-1]}")
    if event == "pickle.find_class" and loading:
        raise Forbidden(f"loading unpickles {args}")


def forbid_unpickling() -> None:
    """Make the usual ways to unpickle raise while the pipeline loads; data-only pickles too."""
    import pickle

    modules: list[tuple[Any, tuple[str, ...]]] = [(pickle, ("load", "loads", "Unpickler"))]
    if util.find_spec("torch"):
        import torch

        modules.append((torch, ("load",)))
    for module, names in modules:
        for name in names:
            setattr(module, name, _guarded(f"{module.__name__}.{name}", getattr(module, name)))


def _guarded(name: str, original: Any) -> Any:
    if isinstance(original, type):

        class Guarded(original):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                _refuse_while_loading(name)
                super().__init__(*args, **kwargs)

        return Guarded

    def guarded(*args: Any, **kwargs: Any) -> Any:
        _refuse_while_loading(name)
        return original(*args, **kwargs)

    return guarded


def _refuse_while_loading(name: str) -> None:
    if loading:
        raise Forbidden(f"loading calls {name}")


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Load, predict and time.

    job (dict): "load" (package name or folder), "texts", "isolated" (bool: the checks of a clean
        environment), "library" (the import name that must not be there).
    RETURNS (dict): Predictions, times in seconds, memory and sizes in bytes.
    """
    global loading
    started = time.perf_counter()
    import spacy

    if job["isolated"]:
        _check_absent(job["library"])
        forbid_unpickling()
    imported = time.perf_counter()
    loading = job["isolated"]
    nlp = spacy.load(job["load"])
    loading = False
    loaded = time.perf_counter()
    nlp(job["texts"][0])
    predicted = time.perf_counter()
    result = {
        "import_seconds": round(imported - started, 3),
        "load_seconds": round(loaded - imported, 3),
        "first_prediction_seconds": round(predicted - loaded, 3),
        "predictions": [describe(doc) for doc in nlp.pipe(job["texts"], batch_size=BATCH)],
        "peak_memory_bytes": peak_memory(),
        "pipeline": nlp.pipe_names,
        "python": sys.version.split()[0],
    }
    if job["isolated"]:
        result["installed_bytes"] = installed_bytes(job["load"])
        result["two_processes"] = in_two_processes(nlp, job["texts"])
        _check_absent(job["library"])
    result["connection_attempts"] = attempts
    return result


def describe(doc: Any) -> dict[str, Any]:
    """RETURNS (dict): Everything a pipeline may have predicted about a doc, as JSON."""
    record = doc.to_json()
    for name in DOC_VALUES:
        if doc.has_extension(name):
            record[f"_.{name}"] = doc._.get(name)
    if len(doc) and doc[:].has_extension("confidence"):
        record["confidence"] = [ent._.confidence for ent in doc.ents]
    return json.loads(json.dumps(record, default=float))


def in_two_processes(nlp: Any, texts: list[str]) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): The predictions of two spawned processes."""
    multiprocessing.set_start_method("spawn", force=True)
    docs = nlp.pipe(texts, n_process=2, batch_size=BATCH)
    return [describe(doc) for doc in docs]


def peak_memory() -> int | None:
    """RETURNS (int | None): Peak resident memory of this process in bytes; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def installed_bytes(package: str) -> int:
    """RETURNS (int): What the package's files take on disk."""
    paths = [Path(str(file.locate())) for file in metadata.distribution(package).files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _check_absent(library: str) -> None:
    imported = [name for name in sys.modules if name.split(".")[0] == library]
    if imported or util.find_spec(library):
        raise Forbidden(f"'{library}' can be imported here, so the wheel may lean on it")


if __name__ in ("__main__", "__mp_main__"):  # the second in spawned processes
    JOB = json.loads(Path(sys.argv[1]).read_text("utf8"))
    if JOB["isolated"]:
        sys.addaudithook(audit)

if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(measure(JOB), ensure_ascii=False), "utf8")
