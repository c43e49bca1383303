"""Every plug-in named in pyproject.toml can be found by its name, and runs.

A new group needs a check here; a new architecture whose required arguments have other names needs
a sample argument.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import app as spacy_app
from spacy.language import Language
from spacy.ml.models.tok2vec import build_hash_embed_cnn_tok2vec
from spacy.tokens import DocBin, Span
from spacy.training import Example
from thinc.api import Model, reduce_mean
from typer.testing import CliRunner

from xinzhi.errors import XinzhiError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
Encoder = Callable[..., Path]


def entry_points() -> list[EntryPoint]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    return [
        EntryPoint(name, target, group)
        for group, points in groups.items()
        for name, target in points.items()
    ]


def examples(nlp: Language) -> Iterator[Example]:
    for text, label in (("一网通办真好", "a"), ("AI", "b")):
        gold = nlp.make_doc(text)
        gold.set_ents([Span(gold, 0, 1, "X")])
        gold.cats = {"s/a": float(label == "a"), "s/b": float(label == "b")}
        gold.user_data["scores"] = {"length": float(len(text))}
        yield Example(nlp.make_doc(text), gold)


def check_command(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    from xinzhi.cli import app

    assert callable(point.load())
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "evaluate" in result.output


def check_spacy_command(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    point.load()()
    result = CliRunner().invoke(spacy_app, [point.name, "--help"])
    assert result.exit_code == 0
    assert "evaluate" in result.output


def check_architecture(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    make = spacy.registry.architectures.get(point.name)
    samples = {
        "name": str(encoder()),
        "encoder": Model("encoder", lambda model, X, is_train: (X, lambda dY: dY)),
        "pooling": reduce_mean(),
        "resources": ["X"],
        "technologies": ["Y"],
        "tok2vec": build_hash_embed_cnn_tok2vec(
            width=8,
            depth=1,
            embed_size=20,
            window_size=1,
            maxout_pieces=1,
            subword_features=False,
            pretrained_vectors=None,
        ),
    }
    parameters = inspect.signature(make).parameters.values()
    required = [p.name for p in parameters if p.default is inspect.Parameter.empty]
    assert isinstance(make(**{name: samples[name] for name in required}), Model)


def check_factory(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    nlp = spacy.blank("zh")
    nlp.add_pipe(point.name)
    if point.name == "xinzhi_encoder":
        with pytest.raises(XinzhiError, match="for prediction only"):
            nlp.initialize()
        return
    if point.name == "xinzhi_faq":
        nlp.initialize()
        with pytest.raises(XinzhiError, match="has no index"):
            nlp("一网通办")
        return
    nlp.initialize(lambda: list(examples(nlp)))
    assert nlp("一网通办真好").text == "一网通办真好"
    assert nlp.to_bytes()


def check_scorer(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    score = spacy.registry.scorers.get(point.name)()
    scores = score(list(examples(spacy.blank("zh"))))
    assert isinstance(scores, dict)
    assert scores


def check_tokenizer(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    make = spacy.registry.tokenizers.get(point.name)
    assert make()(spacy.blank("zh"))("一网 通办").text == "一网 通办"


def check_reader(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    nlp = spacy.blank("zh")
    DocBin(docs=[nlp("一网通办")]).to_disk(folder / "a.spacy")
    reader = spacy.registry.readers.get(point.name)
    corpus = reader(sources={"a": {"path": str(folder / "a.spacy")}})
    assert [eg.text for eg in corpus(nlp)] == ["一网通办"]


def check_batcher(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    make = spacy.registry.batchers.get(point.name)
    data = list(examples(spacy.blank("zh")))
    assert sorted(map(len, make(encoder=str(encoder()), size=100)(data))) == [2]


def check_logger(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    make = spacy.registry.loggers.get(point.name)
    if "MLflow" in point.name:
        return  # a store takes half a minute to make: tests/training/loggers/test_mlflow.py
    nlp = spacy.blank("zh")
    tensorboard = {"path": str(folder), "samples": 0}
    settings = tensorboard if "TensorBoard" in point.name else {}
    settings |= {"path": str(folder / "log.jsonl")} if "Jsonl" in point.name else {}
    out = io.StringIO()
    log_step, finish = make(**settings)(nlp, out, out)
    log_step(None)
    finish()
    assert "failed" not in out.getvalue()


def check_encoder_source(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    source = point.load()
    assert source.name == point.name
    try:
        original = source.original()
    except XinzhiError as err:
        pytest.skip(f"optional package: {err.fact}")
    assert original.is_file()


def check_format(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    """It recognises and reads a file of its own: one it has written, or a sample in tests/data."""
    from xinzhi.corpora.formats import AUTO, Sample, WritableFormat, WriteOptions
    from xinzhi.corpora.record import Record

    fmt = point.load()
    assert fmt.name == point.name
    path = folder / f"a{fmt.suffix}" if isinstance(fmt, WritableFormat) else None
    if path is None:
        samples = {"iob": "sentences.iob", "spacy-json": "spacy_v2.json"}
        path = ROOT / "tests" / "data" / "formats" / samples[point.name]
    else:
        spans = [(0, 4, "服务")]
        record = Record(1, "一网通办", folder, 1, spans=spans, cats={"t": ["a"]})
        fmt.write([record], path, WriteOptions(heads={"t": ("a",)}), pytest.fail)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    assert fmt.sniff(Sample.of(files[-1])) > 0.2
    assert all(isinstance(item, Record) for item in fmt.read(files[-1], AUTO))


def check_callback(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    make = spacy.registry.callbacks.get(point.name)
    if "Threads" in point.name:
        assert make(threads=1)(Language) is Language
        return
    with pytest.raises(XinzhiError, match="cannot be loaded"):
        make(str(folder / "none"))(spacy.blank("zh"))


def check_engine(point: EntryPoint, encoder: Encoder, folder: Path) -> None:
    """Without parts it has nothing to do. tests/apply runs them all on some."""
    from xinzhi.apply.worker import Task

    engine = point.load()
    if point.name != "local":
        pytest.importorskip({"ray": "ray", "spark": "pyspark"}[point.name])
    assert list(engine.run(Task("none", str(folder), "jsonl"), [], 1)) == []


CHECKS = {
    "console_scripts": check_command,
    "spacy_cli": check_spacy_command,
    "spacy_architectures": check_architecture,
    "spacy_factories": check_factory,
    "spacy_scorers": check_scorer,
    "spacy_readers": check_reader,
    "spacy_tokenizers": check_tokenizer,
    "spacy_loggers": check_logger,
    "spacy_batchers": check_batcher,
    "spacy_callbacks": check_callback,
    "xinzhi_encoder_sources": check_encoder_source,
    "xinzhi_formats": check_format,
    "xinzhi_engines": check_engine,
}


@pytest.mark.parametrize("point", entry_points(), ids=lambda point: f"{point.group}-{point.name}")
def test_resolves_and_runs(point: EntryPoint, tiny_encoder: Encoder, tmp_path: Path) -> None:
    assert point.load() is not None
    CHECKS[point.group](point, tiny_encoder, tmp_path)


def test_the_installed_package_knows_them() -> None:
    from importlib.metadata import distribution

    installed = {(p.group, p.name, p.value) for p in distribution("xinzhi").entry_points}
    missing = [p for p in entry_points() if (p.group, p.name, p.value) not in installed]
    assert not missing, "pyproject.toml has changed: pip install --no-deps -e ."
