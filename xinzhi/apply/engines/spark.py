"""Spark: a pandas UDF over the numbers of the parts; a Python worker loads the pipeline once."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from ...compat import require
from ...errors import XinzhiError
from ..parts import Done, Part
from ..worker import Task, predict_staged
from .staged import stage

SCHEMA = "number long, digest string, texts long, problems long"


class SparkEngine:
    """`SPARK` is the registered instance. A session that is active is used (spark-submit)."""

    def run(self, task: Task, parts: Iterable[Part], workers: int) -> Iterator[Done]:
        sql = require("pyspark.sql", "'xinzhi[spark]'", "--engine spark")
        numbers = stage(task, parts)
        if not numbers:
            return
        session = sql.SparkSession.getActiveSession() or _session(sql, workers)
        frame = session.createDataFrame([(number,) for number in numbers], "number long")
        done = frame.repartition(min(len(numbers), workers * 4)).mapInPandas(
            _predictor(task), schema=SCHEMA
        )
        for row in done.collect():  # marks only; toLocalIterator would run one partition at a time
            yield Done(**row.asDict())


SPARK = SparkEngine()


def _predictor(task: Task) -> Any:
    """RETURNS (Callable): The pandas UDF: numbers of parts to their marks."""

    def predict(batches: Iterator[Any]) -> Iterator[Any]:
        import pandas

        for batch in batches:
            for number in batch["number"]:
                yield pandas.DataFrame([asdict(predict_staged(task, int(number)))])

    return predict


def _session(sql: Any, workers: int) -> Any:
    """A local session; on a cluster, spark-submit brings its own."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise XinzhiError(
            "Spark needs Java, and there is none here.",
            "Install a JDK (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME.",
        )
    builder = sql.SparkSession.builder.appName("xinzhi apply")
    return (
        builder.master(os.environ.get("SPARK_MASTER", f"local[{workers},4]"))
        .config("spark.ui.enabled", "false")
        .config("spark.python.worker.reuse", "true")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
        .getOrCreate()
    )
