"""Keys, limits, batches, devices, plain values: the parts, without a service."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.datastructures import Headers

from xinzhi.errors import XinzhiError
from xinzhi.plain import offsets_of, rounded, to_json_values
from xinzhi.serving.batching import BatchQueue, Job, Plan, QueueFull
from xinzhi.serving.devices import claim_gpu
from xinzhi.serving.keys import Keyring, TokenBucket, new_key
from xinzhi.serving.logs import JsonFormatter, fingerprint
from xinzhi.serving.metrics import MOST_LABELS, Metrics
from xinzhi.serving.models import LoadedModel
from xinzhi.serving.problems import Problem
from xinzhi.serving.settings import ApiKey


def test_every_key_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many comparisons whether the key is the first, the last or none."""
    import xinzhi.serving.keys as keys

    made = [new_key() for _ in range(5)]
    ring = Keyring(ApiKey(name=str(i), sha256=digest) for i, (_, digest) in enumerate(made))
    calls: list[int] = []
    compare = keys.hmac.compare_digest
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda a, b: calls.append(1) or compare(a, b))
    for key, name in ((made[0][0], "0"), (made[4][0], "4")):
        calls.clear()
        assert ring.identify(Headers({"x-api-key": key})).name == name
        assert len(calls) == 5
    for headers in ({}, {"x-api-key": ""}, {"authorization": "Bearer x"}):
        calls.clear()
        with pytest.raises(Problem, match="missing or wrong"):
            ring.identify(Headers(headers))
        assert len(calls) == 5


def test_token_bucket() -> None:
    now = [0.0]
    bucket = TokenBucket(60, clock=lambda: now[0])
    assert bucket.wait_for(60) == 0
    assert bucket.wait_for(1) == pytest.approx(1)
    now[0] = 0.5
    assert bucket.wait_for(1) == pytest.approx(0.5)
    now[0] = 1.0
    assert bucket.wait_for(1) == 0
    now[0] = 1000.0
    assert bucket.wait_for(60) == 0
    assert bucket.wait_for(60) == pytest.approx(60)
    assert bucket.wait_for(61) == math.inf
    assert TokenBucket(None).wait_for(10**9) == 0


def model(name: str = "m") -> LoadedModel:
    return LoadedModel(name, "1", None, frozenset(), None)  # type: ignore[arg-type]


def job(text: str, plan: Plan) -> Job:
    return Job(text, plan, lambda doc: None, lambda result: None)


def texts(jobs: list[Job]) -> list[str]:
    return [job.text for job in jobs]


def test_batches_are_of_one_plan_in_order_within_limits() -> None:
    queue = BatchQueue(max_texts=3, max_characters=10, max_wait=0, max_queue=100)
    a, b = Plan(model()), Plan(model())
    queue.put([job("1", a), job("2", a), job("x", b), job("3", a), job("4", a)])
    queue.put([job("long" * 5, a), job("66666", a), job("77777", a), job("8", a)])
    batches = [texts(queue.take()) for _ in range(5)]
    assert batches == [["1", "2", "3"], ["x"], ["4"], ["long" * 5], ["66666", "77777"]]
    assert len(queue) == 1


def test_texts_wait_for_others_only_so_long() -> None:
    queue = BatchQueue(max_texts=2, max_characters=100, max_wait=0.2, max_queue=100)
    plan = Plan(model())
    queue.put([job("1", plan)])
    began = time.monotonic()
    assert texts(queue.take()) == ["1"]
    assert time.monotonic() - began > 0.1
    patient = BatchQueue(max_texts=2, max_characters=100, max_wait=60, max_queue=100)
    threading.Timer(0.02, lambda: patient.put([job("2", plan)])).start()
    patient.put([job("1", plan)])
    began = time.monotonic()
    assert texts(patient.take()) == ["1", "2"]
    assert time.monotonic() - began < 50


def test_cancelled_texts_leave_room_and_are_not_run() -> None:
    queue = BatchQueue(max_texts=8, max_characters=100, max_wait=0, max_queue=2)
    plan = Plan(model())
    jobs = [job("1", plan), job("2", plan)]
    queue.put(jobs)
    with pytest.raises(QueueFull):
        queue.put([job("3", plan)])
    queue.cancel(jobs[:1])
    queue.put([job("3", plan)])
    assert len(queue) == 2
    assert texts(queue.take()) == ["2", "3"]
    queue.put([job(str(i), plan) for i in range(5)])
    assert len(queue) == 5, "an empty queue takes any number"
    queue.close()
    assert len(queue.take()) == 5
    assert queue.take() == []


def test_a_gpu_goes_to_one_worker(tmp_path: Path) -> None:
    assert claim_gpu([], tmp_path) is None
    assert claim_gpu([3], tmp_path) == 3
    assert [claim_gpu([0, 2], tmp_path) for _ in range(2)] == [0, 2]
    with pytest.raises(XinzhiError, match="are taken"):
        claim_gpu([0, 2], tmp_path)


def test_offsets() -> None:
    offset = offsets_of("a😀b", utf16=True)
    assert [offset(i) for i in range(4)] == [0, 1, 3, 4]
    assert offsets_of("a😀b", utf16=False)(2) == 2
    assert offsets_of("杭州", utf16=True)(2) == 2


def test_plain_values() -> None:
    value = {"a": np.float32(0.5), 1: (np.arange(2), {"x"}), "n": None, "t": True, "o": object}
    plain = to_json_values(value)
    assert plain["a"] == 0.5
    assert plain["1"] == [[0, 1], ["x"]]
    assert (plain["n"], plain["t"]) == (None, True)
    assert isinstance(plain["o"], str)


def test_rounded_values() -> None:
    value = {"a": [0.123456, 1, True, "0.123456", None, [2 / 3]], "b": {"c": 0.00004}}
    expected = {"a": [0.1235, 1, True, "0.123456", None, [0.6667]], "b": {"c": 0.0}}
    assert rounded(value, 4) == expected
    assert rounded(value, 16) == value


def test_labels_of_metrics_are_bounded() -> None:
    metrics = Metrics()
    jobs = [job("x", Plan(model()))]
    jobs[0].plan.model.nlp = type("N", (), {"vocab": type("V", (), {"strings": []})})  # type: ignore[assignment]
    for i in range(MOST_LABELS + 50):
        entity = {"label": f"L{i}", "confidence": 0.5}
        metrics.batch(jobs, [{"entities": [entity], "heads": {}}], 0.01)
    lines = [
        line for line in metrics.render().decode().splitlines() if "xinzhi_labels_total{" in line
    ]
    assert len(lines) == MOST_LABELS + 1
    assert any(line.endswith(" 50.0") and "(other)" in line for line in lines)


def test_log_lines_are_json() -> None:
    import json

    facts: dict[str, Any] = {"texts": 2, **fingerprint("杭\ud800")}
    record = logging.LogRecord("xinzhi", logging.INFO, "", 1, "a %s", ("b",), None)
    record.facts = facts
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["level"], line["texts"]) == ("a b", "info", 2)
    assert line["characters"] == 2
    assert len(line["text_sha256"]) == 16


def test_warnings_of_other_libraries_are_json() -> None:
    import json

    program = (
        "import logging, logging.config; from xinzhi.serving.logs import log_config;"
        "logging.config.dictConfig(log_config('info'));"
        "logging.getLogger('asyncio').error('lost'); logging.getLogger('a').info('hidden')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    line = json.loads(done.stderr)
    assert (line["logger"], line["message"]) == ("asyncio", "lost")
