from __future__ import annotations

from xinzhi.packaging.metrics import flat_scores


def test_scores_of_xinzhi_evaluate() -> None:
    metrics = {
        "entities": {"f1": 0.5, "support": 10, "labels": {"地点": {"f1": 0.1}}},
        "tokens": {"B": {"f1": 0.3}},
        "heads": {"topic": {"accuracy": 0.9, "labels": {"a": {"f1": 0.2}}}},
        "speed": {"seconds": 1.5},
        "run": {"seconds": 2.5},
    }
    assert flat_scores(metrics) == {"entities_f1": 0.5, "heads_topic_accuracy": 0.9}


def test_scores_of_spacy_evaluate() -> None:
    metrics = {"ents_f": 0.5, "cats_score": None, "ents_per_type": {"A": {"f": 0.1}}, "speed": 2.0}
    assert flat_scores(metrics) == {"ents_f": 0.5}
