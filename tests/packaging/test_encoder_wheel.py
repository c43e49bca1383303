"""A wheel with xinzhi's own encoder in it: xinzhi beside it, two at once, spaCy's commands."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from xinzhi.packaging.wheel import package_pipeline

from .conftest import TEXTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(
    encoder_wheel: Path, encoder_pipeline: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two such wheels, unpacked as pip does, beside the installed xinzhi."""
    folder = tmp_path_factory.mktemp("site 包")
    second = package_pipeline(encoder_pipeline, folder.parent / "second", name="second")
    for wheel in (encoder_wheel, second):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = spacy.blank("zh")
    docs = []
    for text in TEXTS:
        doc = nlp(text)
        doc.cats = {"good": float("好" in text), "bad": float("好" not in text)}
        doc.ents = [doc.char_span(0, 2, label="PLACE")] if len(text) > 1 else []
        docs.append(doc)
    path = tmp_path_factory.mktemp("corpus 语料") / "dev.spacy"
    DocBin(docs=docs).to_disk(path)
    return path


def run(site: Path, cwd: Path, *args: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(site), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, *args], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_encoders_licence_travels(encoder_wheel: Path) -> None:
    with zipfile.ZipFile(encoder_wheel) as archive:
        (notice,) = [n for n in archive.namelist() if n.endswith("ENCODER_LICENSE.txt")]
        assert ".dist-info/licenses/" in notice
        assert "Tiny encoder licence" in archive.read(notice).decode("utf8")
        assert [n for n in archive.namelist() if n.endswith("licenses/LICENSE")]


def test_two_wheels_and_xinzhi_in_one_process(
    site: Path, encoder_pipeline: Path, tmp_path: Path
) -> None:
    code = f"""
import warnings; warnings.filterwarnings("error", message=".*own copy of xinzhi.*")
import spacy
from xinzhi.packaging.compare import first_difference
pipelines = [spacy.load(n) for n in ("zh_tiny", "zh_second", {str(encoder_pipeline)!r})]
texts = {TEXTS!r}
first, *others = [[d.to_json() for d in nlp.pipe(texts)] for nlp in pipelines]
assert first[0]["ents"]
for other in others:
    difference = first_difference(first, other)
    assert difference is None, difference
modules = [type(nlp.get_pipe("transformer").model).__module__ for nlp in pipelines]
print(*modules)
"""
    assert run(site, tmp_path, "-c", code).split() == [
        "zh_tiny._xinzhi.layers.encoder",
        "zh_second._xinzhi.layers.encoder",
        "xinzhi.layers.encoder",
    ]


def test_by_path_in_a_fresh_process(site: Path, tmp_path: Path) -> None:
    data = site / "zh_tiny" / "zh_tiny-0.1.0"
    code = f"import sys, spacy; nlp = spacy.load({str(data)!r}); print(len(nlp({TEXTS[0]!r})))"
    code += "; assert 'xinzhi.layers.encoder' not in sys.modules"
    assert int(run(site, tmp_path, "-c", code)) == len(spacy.blank("zh")(TEXTS[0]))


def test_replaced_listeners_stay_in_the_wheel(site: Path, tmp_path: Path) -> None:
    code = f"""
import spacy
nlp = spacy.load("zh_tiny")
before = nlp({TEXTS[0]!r}).cats
nlp.replace_listeners("transformer", "textcat_multilabel", ["model.tok2vec"])
model = nlp.config["components"]["textcat_multilabel"]["model"]["tok2vec"]
assert model["@architectures"] == "zh_tiny_xinzhi.Tok2VecEncoder.v1"
nlp.to_disk("replaced")
after = spacy.load("replaced")({TEXTS[0]!r}).cats
assert all(abs(before[label] - after[label]) < 1e-4 for label in before), (before, after)
"""
    run(site, tmp_path, "-c", code)


def test_spacy_evaluate(site: Path, corpus: Path, tmp_path: Path) -> None:
    out = run(site, tmp_path, "-m", "spacy", "evaluate", "zh_tiny", str(corpus))
    assert "NER F" in out


def test_spacy_apply(site: Path, corpus: Path, tmp_path: Path) -> None:
    run(site, tmp_path, "-m", "spacy", "apply", "zh_tiny", str(corpus), "out.spacy")
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.blank("zh").vocab))
    assert [doc.text for doc in docs] == TEXTS
    assert docs[0].cats


def test_spacy_benchmark_speed(site: Path, corpus: Path, tmp_path: Path) -> None:
    args = (
        "zh_tiny",
        str(corpus),
        "--batches",
        "30",
        "--batch-size",
        "2",
        "--warmup",
        "1",
        "--no-shuffle",
    )
    assert "Mean" in run(site, tmp_path, "-m", "spacy", "benchmark", "speed", *args)


def test_spacy_debug_data(site: Path, corpus: Path, tmp_path: Path) -> None:
    config = site / "zh_tiny" / "zh_tiny-0.1.0" / "config.cfg"
    paths = ("--paths.train", str(corpus), "--paths.dev", str(corpus))
    env = {**os.environ, "PYTHONPATH": str(site), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "spacy", "debug", "data", str(config), *paths],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # spaCy ends with code 1 because the corpus is tiny; it must get as far as counting it
    assert "Pipeline can be initialized with data" in done.stdout, done.stdout + done.stderr
    assert "Named Entity Recognition" in done.stdout
