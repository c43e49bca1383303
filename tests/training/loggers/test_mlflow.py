"""MLflow: runs read back with its client from an SQLite file. Making the store takes its time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.util import load_config

from xinzhi.training.train import best_score, train

from ..test_run import fail, register

pytestmark = [
    pytest.mark.slow,
    # MLflow's own, of SQLAlchemy
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
]
LOGGER = """
[training.logger]
@loggers = "xinzhi.MLflowLogger.v1"
store = "sqlite:///runs.db"
experiment = "城市"
run_name = "first"
tags = {"team": "nlp"}
artifacts = "artifacts"
register_as = "zh_city"
"""


def test_runs_read_back(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mlflow = pytest.importorskip("mlflow")
    config = load_config("ours.cfg", interpolate=False)
    del config["training"]["logger"]
    text = config.to_str(interpolate=False) + LOGGER
    Path("mlflow.cfg").write_text(text, encoding="utf8")
    with pytest.raises(KeyboardInterrupt):
        train("mlflow.cfg", "out", overrides=register("test_mlflow", 13, fail))
    client = mlflow.MlflowClient(tracking_uri="sqlite:///runs.db", registry_uri="sqlite:///runs.db")
    experiment = client.get_experiment_by_name("城市")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert not client.search_model_versions("name = 'zh_city'")
    best = train("mlflow.cfg", "out", overrides=register("test_mlflow", 99, fail), resume=True)
    assert "failed" not in capsys.readouterr().err

    (run,) = client.search_runs([experiment.experiment_id])  # the resumed one goes on with it
    assert run.info.run_name == "first"
    assert run.info.status == "FINISHED"
    assert run.data.tags["team"] == "nlp"
    assert run.data.params["training.max_steps"] == "20"
    assert run.data.params["components.xinzhi_ner.factory"] == "xinzhi_ner"
    history = client.get_metric_history(run.info.run_id, "score")
    assert sorted({item.step for item in history}) == [0, 5, 10, 15, 20]
    assert max(item.value for item in history) == pytest.approx(best_score(best)["score"])
    assert "scores/ents_per_type/CITY/f" in run.data.metrics
    assert "train/gradient_norm" in run.data.metrics

    (version,) = client.search_model_versions("name = 'zh_city'")
    folder = Path("artifacts") / run.info.run_id / "artifacts" / "pipeline"
    assert version.run_id == run.info.run_id
    assert same_answers(spacy.load(folder), spacy.load(best))


def same_answers(one: Any, other: Any) -> bool:
    docs = [nlp("北京的医院很好") for nlp in (one, other)]
    return docs[0].cats == docs[1].cats
