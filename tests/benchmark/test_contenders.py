"""Each contender on a tiny encoder: what it predicts, counts, learns and scores."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from xinzhi.benchmark import cold_start, tasks
from xinzhi.benchmark.contenders import CONTENDERS, hugging_face
from xinzhi.benchmark.contenders.base import Predictor, Trainer
from xinzhi.benchmark.contenders.hf_pipeline import HuggingFacePredictor, Span, span_f1
from xinzhi.benchmark.contenders.hf_training import HuggingFaceTrainer, build_untrained, tags_of
from xinzhi.benchmark.contenders.our_training import OurTrainer, all_layers_free
from xinzhi.benchmark.contenders.spacy_pipeline import SpacyPredictor
from xinzhi.benchmark.contenders.spacy_training import LARGER_BATCHES
from xinzhi.benchmark.contenders.training_data import read_config
from xinzhi.benchmark.session import load_contender
from xinzhi.benchmark.settings import Paths

from .conftest import TEXTS

EMPTY: list[set[Span]] = [set(), set()]
ONE: list[set[Span]] = [{(0, 2, "a")}, set()]
TWO: list[set[Span]] = [{(0, 2, "a")}, {(1, 2, "b")}]
WRONG: list[set[Span]] = [{(0, 2, "b")}, {(1, 3, "b")}]


@pytest.fixture(scope="module", params=list(CONTENDERS))
def predictor(request: pytest.FixtureRequest, paths: Paths, ours: Path, stock: Path) -> Predictor:
    if request.param == "hf" and not hugging_face.folder(paths).exists():
        build_untrained(paths)
    return load_contender(request.param, paths)


def test_registry() -> None:
    assert {name: contender.name for name, contender in CONTENDERS.items()} == {
        name: name for name in ("stock", "ours", "hf")
    }


def test_prediction(predictor: Predictor) -> None:
    assert len(list(predictor.stream(iter(TEXTS)))) == len(TEXTS)
    assert tasks.predict_seconds(predictor, TEXTS) > 0
    seconds = tasks.single_seconds(predictor, TEXTS[:2])
    assert len(seconds) == 2
    assert min(seconds) > 0
    assert predictor.batch_size in predictor.batch_sizes


def test_pieces_are_those_of_the_tokenizer(predictor: Predictor) -> None:
    count = tasks.count_pieces(predictor, TEXTS)
    lengths = predictor.lengths(TEXTS)
    assert (count.sequences, count.pieces) == (len(TEXTS), sum(lengths))
    assert count.padded is not None
    assert count.pieces <= count.padded <= len(TEXTS) * (max(lengths) + 7)  # ours pads to eights
    assert not predictor.torch_encoder._forward_pre_hooks


def test_without_a_torch_encoder_the_tokenizer_is_asked(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(predictor), "torch_encoder", property(lambda self: torch.nn.Identity())
    )
    count = tasks.count_pieces(predictor, TEXTS)
    assert (count.pieces, count.padded) == (sum(predictor.lengths(TEXTS)), None)


def test_a_batch_of_so_many_pieces(predictor: Predictor) -> None:
    texts = tasks.texts_of_pieces(predictor, "".join(TEXTS), 12, 5)
    assert len(texts) == 5
    assert max(predictor.lengths(texts)) == 12
    assert tasks.encoder_count(predictor, texts).pieces > 50
    assert tasks.encode_seconds(predictor, texts) > 0
    assert tasks.encoder_shape(predictor).hidden == 32
    shares = tasks.split_operations(predictor, texts, most=3)
    assert len(shares) == 4
    assert sum(shares.values()) == pytest.approx(1)


def test_long_documents(predictor: Predictor) -> None:
    """Ten times the positions of the encoder."""
    assert len(list(predictor.stream(["智慧城市" * 160]))) == 1


def test_without_training_there_are_no_scores(predictor: Predictor, paths: Paths) -> None:
    assert tasks.score(predictor, paths.test) is None
    scores = predictor.score(paths.test)
    assert 0 <= (scores["entities_f1"] or 0) <= 1


def test_scores_of_our_heads(paths: Paths, ours: Path) -> None:
    scores = SpacyPredictor(ours).score(paths.test)
    assert set(scores) == {"entities_f1", "topic", "sentiment"}


@pytest.mark.parametrize("name", ["stock", "ours"])
def test_cold_start(
    name: str,
    paths: Paths,
    ours: Path,
    stock: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {key: str(path) for key, path in asdict(paths).items()}
    job = json.dumps({"name": name, "paths": files, "texts": TEXTS})
    monkeypatch.setattr("sys.stdin", io.StringIO(job))
    cold_start.main()
    times = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert times["seconds"] > times["first"] > 0


@pytest.mark.parametrize(
    ("gold", "found", "expected"),
    [
        (TWO, TWO, 1.0),
        (TWO, ONE, 2 / 3),
        (ONE, TWO, 2 / 3),
        (TWO, WRONG, 0.0),
        (TWO, EMPTY, 0.0),
        (EMPTY, EMPTY, 0.0),
    ],
)
def test_span_f1(gold: list[set[Span]], found: list[set[Span]], expected: float) -> None:
    assert span_f1(gold, found) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("offsets", "spans", "expected"),
    [
        ([(0, 0), (0, 1), (1, 2), (0, 0)], [], [None, "O", "O", None]),
        ([(0, 1), (1, 2), (2, 3)], [(0, 2, "x")], ["B-x", "I-x", "O"]),
        ([(0, 2), (2, 4)], [(1, 3, "x")], ["B-x", "I-x"]),  # pieces that stick out belong to it
        ([(0, 1), (1, 2)], [(0, 1, "x"), (1, 2, "x")], ["B-x", "B-x"]),
        ([(0, 0), (0, 3)], [(0, 3, "x")], [None, "B-x"]),
    ],
)
def test_tags_of(
    offsets: list[tuple[int, int]], spans: list[Span], expected: list[str | None]
) -> None:
    assert tags_of(offsets, spans) == expected


@pytest.mark.parametrize("name", ["ours", "stock"])
def test_training_of_a_config(paths: Paths, name: str) -> None:
    trainer = OurTrainer(paths, 6) if name == "ours" else stock_trainer(paths, 6)
    assert (trainer.documents, trainer.characters) == (6, sum(map(len, TEXTS + TEXTS[:2])))
    check_learning(trainer)


def test_training_of_transformers(paths: Paths) -> None:
    trainer = HuggingFaceTrainer(paths, documents=6)
    assert (trainer.documents, trainer.characters) == (6, sum(map(len, TEXTS + TEXTS[:2])))
    assert set(trainer.model.config.label2id) == {"O", "B-技术", "I-技术", "B-服务", "I-服务"}
    check_learning(trainer)


def stock_trainer(paths: Paths, documents: int) -> Trainer:
    return CONTENDERS["stock"].train(paths, documents)


def check_learning(trainer: Trainer) -> None:
    """The encoder changes with every epoch, and sees every document."""
    before = trainer.torch_encoder.get_input_embeddings().weight.detach().clone()  # type: ignore
    seconds, updates = tasks.epoch_seconds(trainer)
    assert seconds > 0
    assert updates == 1
    count = tasks.count_epoch(trainer)
    assert count.sequences == 6
    after = trainer.torch_encoder.get_input_embeddings().weight  # type: ignore[operator,union-attr]
    assert not torch.equal(before, after)
    split = tasks.split_epoch(trainer)
    assert sum(split.values()) > 0


def test_stock_may_take_larger_batches(paths: Paths) -> None:
    trainer = stock_trainer(paths, 0)
    small, *larger = trainer.batch_sizes
    assert larger == [small * n for n in LARGER_BATCHES]
    trainer.batch_size = 24
    assert trainer.epoch() > 4


@pytest.mark.parametrize(("frozen", "every", "expected"), [(0, 0, 0), (2, 0, 2), (2, 10, 0)])
def test_layers_that_will_be_freed_are_measured_free(
    paths: Paths, frozen: int, every: int, expected: int
) -> None:
    config = read_config(paths.ours_config, paths)
    config["components"]["transformer"]["model"] |= {
        "frozen_layers": frozen,
        "unfreeze_every": every,
    }
    model = all_layers_free(config)["components"]["transformer"]["model"]
    assert model["frozen_layers"] == expected


def test_transformers_gets_our_batches(paths: Paths) -> None:
    ours = OurTrainer(paths, 0)
    hf = HuggingFaceTrainer(paths, 0)
    assert ours.batch_size == hf.batch_size
    assert ours.epoch() == hf.epoch()


def test_a_trained_transformers_model_is_used_and_scored(paths: Paths, tmp_path: Path) -> None:
    trainer = HuggingFaceTrainer(paths, 0, steps=2)
    trainer.fit(2, tmp_path / "trained")
    assert CONTENDERS["hf"].folder(Paths(hf=tmp_path)) == tmp_path / "trained"
    predictor = HuggingFacePredictor(tmp_path / "trained")
    assert predictor.trained
    assert tasks.score(predictor, paths.test) is not None
