"""What the service counts, for Prometheus. No label takes values from requests unchecked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    multiprocess,
)

from .batching import Failure, Job

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
CHARACTERS = (16, 64, 256, 1024, 4096, 16384)
PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
MOST_LABELS = 200  # per model; what comes later counts as OTHER
OTHER = "(other)"
ENTITIES = "entities"  # stands where a head stands


class Metrics:
    """The counters of one worker."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._known: dict[str, set[tuple[str, str]]] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"xinzhi_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"xinzhi_{name}", text, labels, buckets=bounds, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(
                f"xinzhi_{name}", text, labels, registry=registry, multiprocess_mode="livesum"
            )

        self.requests = counter("requests", "Requests", "endpoint", "method", "status")
        self.request_seconds = histogram(
            "request_seconds", "Seconds from request to end of answer", SECONDS, "endpoint"
        )
        self.in_flight = gauge("requests_in_flight", "Requests being answered")
        self.queue_texts = gauge("queue_texts", "Texts that wait")
        self.batch_texts = histogram("batch_texts", "Texts of a batch", SIZES, "model")
        self.batch_characters = histogram(
            "batch_characters", "Characters of a batch", CHARACTERS, "model"
        )
        self.batch_seconds = histogram("batch_seconds", "Seconds of a batch", SECONDS, "model")
        self.texts = counter("texts", "Texts processed", "model", "version")
        self.characters = counter("characters", "Characters processed", "model", "version")
        self.failures = counter("failed_texts", "Texts the pipeline failed on", "model", "version")
        self.confidence = histogram(
            "confidence",
            "Confidence of entities, and of the best label of a head",
            PROBABILITIES,
            "model",
            "head",
        )
        self.labels = counter(
            "labels", "Predicted labels: entities, best label of a head", "model", "head", "label"
        )
        self.decisions = counter("faq_decisions", "Answers of the knowledge base", "decision")
        self.answer_probability = histogram(
            "faq_probability", "Probability of its best answer", PROBABILITIES
        )
        self.routes = counter("desk_routes", "Turns of customer service", "route", "urgent")
        self.best_probability = histogram(
            "recommend_probability", "Probability of the first item", PROBABILITIES
        )
        self.changes = counter("model_changes", "Models loaded or refused", "model", "result")
        self.strings = gauge("strings", "Strings in a model's table", "model")
        self._single = MULTIPROCESS not in os.environ
        if self._single:
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)

    def batch(self, jobs: list[Job], results: list[Any], seconds: float) -> None:
        """Count a batch.

        jobs (list): Its texts.
        results (list): Plain data or Failure for each.
        seconds (float): How long it ran.
        """
        model = jobs[0].plan.model
        characters = sum(len(job.text) for job in jobs)
        self.batch_texts.labels(model.name).observe(len(jobs))
        self.batch_characters.labels(model.name).observe(characters)
        self.batch_seconds.labels(model.name).observe(seconds)
        self.texts.labels(model.name, model.version).inc(len(jobs))
        self.characters.labels(model.name, model.version).inc(characters)
        self.strings.labels(model.name).set(len(model.nlp.vocab.strings))
        for result in results:
            if isinstance(result, Failure):
                self.failures.labels(model.name, model.version).inc()
            elif isinstance(result, dict):
                self._predictions(model.name, result)

    def answered(self, found: Mapping[str, Any]) -> None:
        """Count an answer of the knowledge base.

        found (Mapping): Its decision and answers.
        """
        self.decisions.labels(found["decision"]).inc()
        if found["answers"]:
            self.answer_probability.observe(found["answers"][0]["probability"])

    def routed(self, outcome: Mapping[str, Any]) -> None:
        """Count a turn of customer service, and what the knowledge base said to it.

        outcome (Mapping): Its route, whether it is urgent, and the reply.
        """
        self.routes.labels(outcome["route"], str(outcome["urgent"]).lower()).inc()
        self.answered(outcome["reply"])

    def recommended(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Count a recommendation.

        items (Sequence): The items, the best first.
        """
        if items:
            self.best_probability.observe(items[0]["probability"])

    def _predictions(self, model: str, result: dict[str, Any]) -> None:
        for entity in result["entities"]:
            self._label(model, ENTITIES, entity["label"], entity["confidence"])
        for head, values in result["heads"].items():
            best = max(values, key=values.__getitem__)
            self._label(model, head, best, values[best])

    def _label(self, model: str, head: str, label: str, confidence: float | None) -> None:
        known = self._known.setdefault(model, set())
        if (head, label) not in known:
            if len(known) >= MOST_LABELS:
                head, label = OTHER, OTHER
            known.add((head, label))
        self.labels.labels(model, head, label).inc()
        if confidence is not None:
            self.confidence.labels(model, head).observe(confidence)

    def render(self) -> bytes:
        """RETURNS (bytes): The counters of all workers, in Prometheus' text format."""
        if self._single:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)


def forget_dead_workers() -> None:
    """Remove the gauges that workers left which are gone; their counters stay."""
    folder = os.environ.get(MULTIPROCESS)
    for path in Path(folder).glob("gauge_live*_*.db") if folder else []:
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except OSError:
            continue
