"""The training that a pipeline comes from: its record, and its learning curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from ...training.run_record import FOLDER, read_record

LOG = "log.jsonl"
FACTS = (
    "status",
    "reason",
    "started",
    "ended",
    "seed",
    "device",
    "steps",
    "best_step",
    "best_score",
    "git_revision",
    "weights_sha256",
    "seconds",
    "data",
)


def find_run(pipeline: Path | None) -> Path | None:
    """RETURNS (Path): The run folder beside a pipeline's folder (training/NAME/run beside
    training/NAME/model-best), or None."""
    folder = pipeline.absolute().parent / FOLDER if pipeline is not None else None
    return folder if folder is not None and (folder / LOG).is_file() else None


def read_run(folder: Path) -> dict[str, Any]:
    """Read what a training has left in its run folder.

    folder (Path): The folder with log.jsonl.
    RETURNS (dict): "folder", "facts" (of run.json), "steps", "scores" (name -> values, None where
        there was none), "losses" (component -> values), "learn_rate".
    RAISES (XinzhiError): There is no log, or it cannot be read.
    """
    path = folder / LOG
    if not path.is_file():
        raise XinzhiError(
            f"There is no {LOG} in {folder}.",
            "Name the run folder that `xinzhi train` leaves beside the pipelines (--run).",
        )
    lines = [line for line in _lines(path) if "step" in line]
    names = _curves(lines)
    record = read_record(folder)
    return {
        "folder": folder.as_posix(),
        "facts": {name: record[name] for name in FACTS if record.get(name) is not None},
        "steps": [line["step"] for line in lines],
        "scores": {name: [_score(line, name) for line in lines] for name in names},
        "losses": {
            name: [line["losses"].get(name) for line in lines]
            for name in (lines[0]["losses"] if lines else ())
        },
        "learn_rate": [line.get("learn_rate") for line in lines],
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), start=1):
        try:
            found.append(json.loads(line))
        except ValueError as err:
            raise XinzhiError(
                f"{path}:{number} is not JSON.", "Remove that line, or name another --run."
            ) from err
    return found


def _curves(lines: list[dict[str, Any]]) -> list[str]:
    """The score that chooses the best pipeline, and the main one of each component and head."""
    found = {name for line in lines for name in line["scores"] if "/" not in name}
    heads = sorted(name for name in found if name.endswith("_macro_f"))
    values = sorted(n for n in found if n.startswith("score_") and n.endswith("_spearman"))
    main = [name for name in ("ents_f", "spans_sc_f") if name in found]
    return ["score", *main, *heads, *values]


def _score(line: dict[str, Any], name: str) -> float | None:
    return line["score"] if name == "score" else line["scores"].get(name)
