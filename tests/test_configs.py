"""Every config in configs/ is current and describes a pipeline spaCy can build."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from spacy.util import load_config, load_model_from_config

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("build_configs", ROOT / "scripts/build_configs.py")
assert spec is not None
assert spec.loader is not None
build_configs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build_configs)


def test_every_config_is_generated() -> None:
    folder = ROOT / "configs"
    names = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.cfg")}
    assert {name for name in names if not name.startswith("parts/")} == set(build_configs.PARTS)


@pytest.mark.parametrize("name", build_configs.PARTS)
def test_config_is_current_and_loads(name: str) -> None:
    path = ROOT / "configs" / f"{name}.cfg"
    assert path.read_text(encoding="utf8") == build_configs.build(name)
    nlp = load_model_from_config(load_config(path), auto_fill=True)
    assert nlp.lang == "zh"
    assert nlp.pipe_names[0] == "transformer"
    training = nlp.config["training"]
    if training["max_steps"]:
        assert training["optimizer"]["learn_rate"]["total_steps"] == training["max_steps"]
