"""A student inherits layers and heads from a teacher, and comes nearer to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed

from xinzhi.errors import XinzhiError
from xinzhi.training.distillation import Distance, configure_distillation, encoder_of

MakeEncoder = Callable[..., Path]
TEXTS = ["一网通办很好", "医院排队太差 OK", "", "智慧城市在北京上线"]
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}


def make_nlp(encoder: Path, **settings: object) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("zh")
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(encoder), **settings}
    nlp.add_pipe("transformer", config={"model": {**model, "train_precision": "fp32"}})
    head = {"@architectures": "xinzhi.DocClassifier.v1", "tok2vec": LISTENER}
    nlp.add_pipe("xinzhi_cats", config={"model": head})
    return nlp


def examples(nlp: Language) -> list[Example]:
    return [
        Example.from_dict(nlp.make_doc(t), {"cats": {"s/a": float(i % 2), "s/b": 1.0 - i % 2}})
        for i, t in enumerate(TEXTS)
    ]


@pytest.fixture
def teacher(tiny_encoder: MakeEncoder, tmp_path: Path) -> Path:
    nlp = make_nlp(tiny_encoder())
    optimizer = nlp.initialize(lambda: examples(nlp))
    optimizer.learn_rate = 0.01
    for _ in range(20):
        nlp.update(examples(nlp), sgd=optimizer)
    nlp.to_disk(tmp_path / "老师")
    return tmp_path / "老师"


def make_student(encoder: Path, teacher: Path, weight: float = 10.0, **settings: object) -> tuple:
    nlp = make_nlp(encoder, **settings)
    nlp.config["initialize"]["after_init"] = {
        "@callbacks": "xinzhi.Distillation.v1",
        "teacher": str(teacher),
        "weight": weight,
    }
    optimizer = nlp.initialize(lambda: examples(nlp))
    optimizer.learn_rate = 0.01
    return nlp, optimizer


def vectors(nlp: Language) -> np.ndarray:
    return encoder_of(nlp, "it").predict([nlp.make_doc(text) for text in TEXTS]).flat


def test_a_student_of_full_depth_begins_as_its_teacher(
    tiny_encoder: MakeEncoder, teacher: Path
) -> None:
    student, _ = make_student(tiny_encoder(), teacher)
    trained = spacy.load(teacher)
    np.testing.assert_allclose(vectors(student), vectors(trained), atol=1e-5)
    for text in TEXTS:
        assert student(text).cats == pytest.approx(trained(text).cats, abs=1e-5)


def test_a_shallow_student_comes_nearer_and_is_saved_without_its_teacher(
    tiny_encoder: MakeEncoder, teacher: Path, tmp_path: Path
) -> None:
    student, optimizer = make_student(tiny_encoder(), teacher, weight=1000.0, layers=1)
    target = vectors(spacy.load(teacher))
    before = np.square(vectors(student) - target).mean()
    for _ in range(60):
        student.update(examples(student), sgd=optimizer)
    assert np.square(vectors(student) - target).mean() < 0.5 * before
    student.to_disk(tmp_path / "学生")
    (teacher / "config.cfg").unlink()
    loaded = spacy.load(tmp_path / "学生")
    assert len(loaded.get_pipe("transformer").model.transformer.encoder.layer) == 1
    np.testing.assert_allclose(vectors(loaded), vectors(student), atol=1e-5)


def test_the_distance_is_the_gradient_of_the_mean_squared_error(teacher: Path) -> None:
    nlp = spacy.load(teacher)
    docs = [nlp.make_doc(text) for text in TEXTS]
    for cached in (0, 5, 1000):
        distance = Distance(encoder_of(nlp, "it"), 3.0, cached)
        target = torch.from_numpy(distance.vectors(docs)).float()
        given = torch.randn(target.shape, requires_grad=True)
        (3.0 * (given - target).square().mean()).backward()
        for _ in range(2):
            torch.testing.assert_close(distance(docs, given), given.grad)


def test_the_cache_holds_no_more_than_it_may(teacher: Path) -> None:
    nlp = spacy.load(teacher)
    distance = Distance(encoder_of(nlp, "it"), 1.0, 9)
    distance.vectors([nlp.make_doc(text) for text in TEXTS])
    assert sum(map(len, distance._kept.values())) + distance.free == 9
    assert len(distance._kept) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"han": "merge"}, "han = 'rank', the student has 'merge'"),
        ({"layers": 3}, "the encoder has 2 layers"),
    ],
)
def test_a_student_that_does_not_fit(
    tiny_encoder: MakeEncoder, teacher: Path, settings: dict, said: str
) -> None:
    with pytest.raises(XinzhiError, match=said):
        make_student(tiny_encoder(), teacher, **settings)


def test_a_teacher_that_is_not_there_or_not_ours(tiny_encoder: MakeEncoder, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="cannot be loaded"):
        make_student(tiny_encoder(), tmp_path / "none")
    spacy.blank("zh").to_disk(tmp_path / "blank")
    with pytest.raises(XinzhiError, match=r"has\s+0"):
        make_student(tiny_encoder(), tmp_path / "blank")
    with pytest.raises(XinzhiError, match="weight = -1"):
        configure_distillation(str(tmp_path), weight=-1.0)
