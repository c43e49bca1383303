"""`xinzhi.JsonlLogger.v1`: one JSON object per evaluation."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from spacy import registry
from spacy.language import Language

from ..context import in_run_folder, resumed_at
from .base import Info, Log, Setup, guarded
from .values import documents_per_second, flatten

FILE_NAME = "log.jsonl"


@registry.loggers("xinzhi.JsonlLogger.v1")
def jsonl_logger(path: str | None = None) -> Setup:
    """Write a line per evaluation to a file.

    path (str | None): The file, appended to; None is log.jsonl in the run's folder, or in the
        current folder under `spacy train`.
    RETURNS (Callable): The logger.
    """
    return guarded("xinzhi.JsonlLogger.v1", lambda nlp, _out, _err: JsonlLog(nlp, path))


class JsonlLog(Log):
    """See `jsonl_logger`."""

    def __init__(self, nlp: Language, path: str | None) -> None:
        target = in_run_folder(path, FILE_NAME)
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = resumed_at()
        if resumed is not None and target.is_file():
            cut(target, resumed)
        self.file: IO[str] = target.open("a", encoding="utf8")
        start = {"event": "start" if resumed is None else "resume", "pipeline": nlp.pipe_names}
        self._write(start)

    def on_evaluation(self, info: Info) -> None:
        line = {
            "step": info["step"],
            "epoch": info["epoch"],
            "score": float(info["score"]),
            "scores": flatten(info["other_scores"]),
            "losses": {name: float(value) for name, value in info["losses"].items()},
            "seconds": info["seconds"],
            "words": info["words"],
        }
        if "time" in info:
            line["documents_per_second"] = round(documents_per_second(info), 3)
            more = ("documents", "learn_rate", "gradient_norm", "time")
            line |= {name: info[name] for name in more}
        self._write(line)

    def finish(self) -> None:
        self.file.close()

    def _write(self, line: Info) -> None:
        line = {"at": datetime.now(timezone.utc).isoformat(timespec="seconds"), **line}
        self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.file.flush()


def cut(path: Path, step: int) -> None:
    """Remove the lines of a step and of all later ones: they are logged again."""
    lines = path.read_text(encoding="utf8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n")]
    kept = [line for line in kept if json.loads(line).get("step", -1) < step]
    path.write_text("".join(kept), encoding="utf8")
