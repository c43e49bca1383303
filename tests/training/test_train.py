"""Training: spaCy's result, a clean end, one message for what can go wrong."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli.train import train as spacy_train

from xinzhi.errors import XinzhiError
from xinzhi.training.train import best_score, train

LISTENING = {
    "@architectures": "spacy.TextCatReduce.v1",
    "exclusive_classes": True,
    "use_reduce_first": False,
    "use_reduce_last": False,
    "use_reduce_max": False,
    "use_reduce_mean": True,
    "tok2vec": {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    },
}


def predictions(path: Path) -> list[dict[str, float]]:
    nlp = spacy.load(path)
    return [doc.cats for doc in nlp.pipe(["医院很好", "一网通办太差", ""])]


def test_same_result_as_spacy_train(folder: Path) -> None:
    best = train("train.cfg", "ours")
    spacy_train("train.cfg", "theirs")
    assert best == Path("ours/model-best")
    assert predictions(best) == predictions(Path("theirs/model-best"))
    assert predictions(Path("ours/model-last")) == predictions(Path("theirs/model-last"))
    names = [path.name for path in Path("ours").iterdir()]
    assert sorted(names) == ["model-best", "model-last", "run"]


def test_best_score_is_what_training_selects_by(folder: Path) -> None:
    best = best_score(train("train.cfg", "out"))
    assert best == {"score": 1.0, "scores": {"cats_score": 1.0}}


def test_progress_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("train.cfg", "out")
    text = capsys.readouterr().out
    assert "CATS_SCORE" in text
    assert [line.split()[1] for line in text.splitlines() if line.strip()[:1].isdigit()] == [
        "0",
        "4",
        "8",
        "12",
    ]


def test_overrides(folder: Path) -> None:
    best = train("train.cfg", "out", overrides={"training.max_steps": 5, "training.seed": 7})
    assert spacy.load(best).config["training"]["max_steps"] == 5


def test_a_second_training_replaces_the_first(folder: Path) -> None:
    (train("train.cfg", "out") / "left over").write_text("from the first")
    best = train("train.cfg", "out")
    assert not (best / "left over").exists()


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_a_failed_training_leaves_what_was_there(
    error: BaseException,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = predictions(train("train.cfg", "out"))
    steps = []

    def fail(nlp: Any, info: dict[str, int]) -> None:
        steps.append(info["step"])
        if info["step"] == 6:
            raise error

    spacy.registry.callbacks.register("test_fail", func=lambda: fail)
    overrides = {"training.before_update": {"@callbacks": "test_fail"}, "training.seed": 1}
    with pytest.raises(type(error)):
        train("train.cfg", "out", overrides=overrides)
    assert steps[-1] == 6
    assert predictions(Path("out/model-best")) == before
    assert "did not finish. The best so far: " in capsys.readouterr().out
    stopped = predictions(Path("out/unfinished/model-best"))
    train("train.cfg", "out")
    assert "The unfinished training before this one: out/unfinished-1" in capsys.readouterr().out
    assert predictions(Path("out/unfinished-1/model-best")) == stopped
    assert not Path("out/unfinished").exists()


@pytest.mark.parametrize("damage", [lambda b: b"not a corpus", lambda b: b[:-5], lambda b: b""])
def test_a_damaged_corpus_is_named(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = folder / "dev.spacy"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(XinzhiError, match=r"^dev\.spacy is not .*damaged \(.*corpora\.dev\.path"):
        train("train.cfg", "out")
    assert not Path("out").exists()


def test_a_second_training_at_once_is_refused(folder: Path) -> None:
    pytest.importorskip("fcntl")
    before_update = spacy.registry.callbacks.register("test_second")
    refused = []

    def second(nlp: Any, info: dict[str, int]) -> None:
        if info["step"] == 1:
            with pytest.raises(XinzhiError, match="Another training is writing to out"):
                train("train.cfg", "out")
            refused.append(info["step"])

    before_update(lambda: second)
    best = train(
        "train.cfg", "out", overrides={"training.before_update": {"@callbacks": "test_second"}}
    )
    assert refused == [1]
    assert predictions(best)
    train("train.cfg", "out", overrides={"training.max_steps": 4})


@pytest.mark.parametrize(
    ("config", "overrides", "message"),
    [
        ("none.cfg", {}, r"Config file not found: none\.cfg"),
        ("train.cfg", {"paths.train": None}, r"corpora\.train\.path is not set"),
        ("train.cfg", {"paths.train": "no.spacy"}, r"Corpus not found: no\.spacy"),
        ("train.cfg", {"paths.dev": "train.cfg"}, r"train\.cfg is not a \.spacy file"),
        ("train.cfg", {"paths.dev": "empty"}, r"folder empty holds no \.spacy file"),
        ("train.cfg", {"training.max_steps": "many"}, r"max_steps: .*integer, not 'many'"),
        ("train.cfg", {"training.no_such.x": 1}, r"training\.no_such"),
        ("train.cfg", {"training.optimizer.@optimizers": "No.v1"}, r"'No\.v1'"),
        ("train.cfg", {"components.textcat.factory": "nope"}, "Can't find factory for 'nope'"),
        ("train.cfg", {"components.textcat.threshold": "high"}, r"textcat\.threshold"),
        ("train.cfg", {"components.textcat.model": LISTENING}, "shared encoder that the pipeline"),
        ("train.cfg", {"training.dropout": 0}, r"training\.dropout = 0 .*valid"),
        ("train.cfg", {"training.dropout": 1.5}, r"training\.dropout = 1\.5"),
        ("train.cfg", {"training.max_steps": -5}, r"training\.max_steps = -5"),
        ("train.cfg", {"training.patience": -1}, r"training\.patience = -1"),
        ("train.cfg", {"training.eval_frequency": 0}, r"training\.eval_frequency = 0"),
        ("train.cfg", {"training.accumulate_gradient": 0}, r"accumulate_gradient = 0"),
        ("train.cfg", {"training.max_steps": 0, "training.patience": 0}, "would never end"),
    ],
)
def test_bad_settings(config: str, overrides: dict[str, Any], message: str, folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(XinzhiError, match=message) as error:
        train(config, "out", overrides=overrides)
    assert len(str(error.value)) < 500
    assert error.value.next_step
    assert not Path("out").exists() or not list(Path("out").iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[nlp\n", "line: 1"),
        (b"[training]\nseed = ${paths.nope}\n", "paths"),
        (b"[paths]\ntrain = null\n", r"no \[training\] section"),
        (
            "# 配置\n[training]\n".encode("gbk"),
            r"not UTF-8 text \(byte 0xc5 at position 2",
        ),
        (b"\xef\xbb\xbf[training]\n", "byte-order mark"),
    ],
)
def test_malformed_config(content: bytes, message: str, folder: Path) -> None:
    (folder / "bad.cfg").write_bytes(content)
    with pytest.raises(XinzhiError, match=message):
        train("bad.cfg", "out")


def test_no_gpu_fails_before_anything_is_loaded(folder: Path) -> None:
    with pytest.raises(XinzhiError, match="GPU 99 was asked for, but") as error:
        train("train.cfg", "out", gpu_id=99, overrides={"training.max_steps": "many"})
    assert "\n" not in error.value.fact
    assert not Path("out").exists()


def test_output_folder_cannot_be_written(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(XinzhiError, match="Cannot write to the output folder"):
        train("train.cfg", "file")


def test_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "model")

    monkeypatch.setattr("spacy.language.Language.to_disk", full)
    with pytest.raises(XinzhiError, match="disk is full"):
        train("train.cfg", "out")
    assert not Path("out/model-best").exists()


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("assets/encoders/none", "encoder folder assets/encoders/none does not exist"),
        ("./none", "does not exist"),
        (None, r"paths\.encoder is not set"),
        ("", r"paths\.encoder is not set"),
    ],
)
def test_encoder_folder_is_not_there(encoder: str | None, message: str, folder: Path) -> None:
    text = (folder / "train.cfg").read_text(encoding="utf8")
    value = "null" if encoder is None else f'"{encoder}"'
    text = text.replace("[paths]\n", f"[paths]\nencoder = {value}\n", 1)
    (folder / "train.cfg").write_text(text, encoding="utf8")
    with pytest.raises(XinzhiError, match=message):
        train("train.cfg", "out")
