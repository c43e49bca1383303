from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from spacy.util import load_config


@pytest.fixture
def still(project: Path) -> dict[str, Any]:
    """Settings for ours.cfg, in the current folder, that leave no dropout anywhere."""
    return without_dropout()


def without_dropout() -> dict[str, Any]:
    """As `still`; makes the encoder that the settings name if it is not there."""
    path = Path("still/config.json")
    if not path.exists():
        shutil.copytree(load_config("ours.cfg")["paths"]["encoder"], path.parent)
        config = json.loads(path.read_text("utf8"))
        config.update({"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
        path.write_text(json.dumps(config), "utf8")
    return {
        "paths.encoder": "still",
        "training.dropout": 0.0,
        "components.xinzhi_ner.model.dropout": 0.0,
        "components.xinzhi_cats.model.dropout": 0.0,
    }
