"""`xinzhi.MLflowLogger.v1`: runs in an MLflow store, by default an SQLite file, without a server.

spacy-loggers' MLflow logger logs every value at step 0 and every better pipeline as a pyfunc model
(which needs the whole of MLflow); this one gives values their steps, and stores the best pipeline
as the plain folder that `spacy.load` reads.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spacy import registry
from spacy.language import Language

from ...compat import require
from ..context import current_run
from .base import Info, Log, Setup, guarded
from .values import scalars

STORE = "sqlite:///mlflow.db"
RUN_ID = "mlflow_run_id"
NOT_ALLOWED = re.compile(r"[^\w.\- :/]")
LONGEST_VALUE = 6000  # characters of a parameter; MLflow's own limit
AT_ONCE = 100  # parameters or metrics; MLflow's limits are 100 and 1,000


@registry.loggers("xinzhi.MLflowLogger.v1")
def mlflow_logger(
    store: str = STORE,
    experiment: str = "xinzhi",
    run_name: str | None = None,
    tags: dict[str, str] | None = None,
    artifacts: str | None = None,
    log_pipeline: bool = True,
    register_as: str | None = None,
) -> Setup:
    """Log config, scores, losses, times and the best pipeline to MLflow.

    Look at them with: mlflow ui --backend-store-uri sqlite:///mlflow.db

    store (str): Where MLflow keeps runs: an SQLite file, another database, or a server's address.
    experiment (str): Name of the experiment, made if need be.
    run_name (str | None): Name of the run; None lets MLflow make one up.
    tags (dict): Tags of the run.
    artifacts (str | None): Folder for the artifacts of a new experiment; None is MLflow's choice.
    log_pipeline (bool): Store the best pipeline as the artifact `pipeline`, at the end.
    register_as (str | None): Register it as a model of this name as well.
    RETURNS (Callable): The logger.
    """
    settings: dict[str, Any] = {
        "store": store,
        "experiment": experiment,
        "run_name": run_name,
        "tags": tags or {},
        "artifacts": artifacts,
        "log_pipeline": log_pipeline,
        "register_as": register_as,
    }
    return guarded("xinzhi.MLflowLogger.v1", lambda nlp, _out, _err: MLflowLog(nlp, **settings))


class MLflowLog(Log):
    """See `mlflow_logger`."""

    def __init__(
        self,
        nlp: Language,
        *,
        store: str,
        experiment: str,
        run_name: str | None,
        tags: dict[str, str],
        artifacts: str | None,
        log_pipeline: bool,
        register_as: str | None,
    ) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        mlflow = require("mlflow", "'xinzhi[mlflow]'", "logging to MLflow")
        self.entities = mlflow.entities
        self.client = mlflow.MlflowClient(tracking_uri=store, registry_uri=store)
        self.log_pipeline = log_pipeline
        self.register_as = register_as
        self.best: Path | None = None
        self.run_id = self._earlier_run() or self._new_run(experiment, artifacts, run_name, tags)
        self._log_config(nlp)

    def on_step(self, info: Info) -> None:
        if info["score"] is not None:
            values = {name: info[name] for name in ("learn_rate", "gradient_norm")}
            self._log({f"train/{name}": value for name, value in values.items()}, info["step"])

    def on_evaluation(self, info: Info) -> None:
        self._log(scalars(info), info["step"])
        if info.get("output_path"):
            self.best = Path(info["output_path"]).with_name("model-best")

    def finish(self) -> None:
        if sys.exc_info()[0] is not None:  # called on the way out of a training that has failed
            self.client.set_terminated(self.run_id, status="FAILED")
            return
        if self.log_pipeline and self.best and self.best.is_dir():
            self.client.log_artifacts(self.run_id, str(self.best), "pipeline")
            if self.register_as:
                self._register(self.register_as)
        self.client.set_terminated(self.run_id)

    def _new_run(
        self, experiment: str, artifacts: str | None, name: str | None, tags: dict[str, str]
    ) -> str:
        found = self.client.get_experiment_by_name(experiment)
        experiment_id = (
            found.experiment_id
            if found
            else self.client.create_experiment(experiment, artifact_location=artifacts)
        )
        run = self.client.create_run(experiment_id, run_name=name, tags=tags)
        if current := current_run():
            (current.folder / RUN_ID).write_text(run.info.run_id, encoding="utf8")
        return run.info.run_id

    def _earlier_run(self) -> str | None:
        """RETURNS (str): The MLflow run of a training that goes on; None if there is none."""
        current = current_run()
        if current is None or current.resumed_at is None:
            return None
        path = current.folder / RUN_ID
        if not path.is_file():
            return None
        run_id = path.read_text(encoding="utf8")
        self.client.update_run(run_id, status="RUNNING")
        return run_id

    def _log_config(self, nlp: Language) -> None:
        self.client.log_text(self.run_id, nlp.config.to_str(interpolate=False), "config.cfg")
        params = [
            self.entities.Param(_name(key), str(value)[:LONGEST_VALUE])
            for key, value in _flat_config(nlp.config.interpolate())
        ]
        for part in _parts(params):
            self.client.log_batch(self.run_id, params=part)

    def _log(self, values: dict[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        metrics = [
            self.entities.Metric(_name(name), value, now, step) for name, value in values.items()
        ]
        for part in _parts(metrics):
            self.client.log_batch(self.run_id, metrics=part)

    def _register(self, name: str) -> None:
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        source = f"runs:/{self.run_id}/pipeline"
        self.client.create_model_version(name, source=source, run_id=self.run_id)


def _flat_config(section: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat_config(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _name(name: str) -> str:
    """RETURNS (str): A name that MLflow accepts: letters of any script, digits, _ - . : / space."""
    return NOT_ALLOWED.sub("_", name)


def _parts(items: list[Any]) -> Iterable[list[Any]]:
    return (items[i : i + AT_ONCE] for i in range(0, len(items), AT_ONCE))
