"""The service as a process: signals, workers, memory. On the loopback interface only."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from spacy.tokens import Doc

from xinzhi.client import Client
from xinzhi.serving.keys import ANYONE
from xinzhi.serving.runtime import RUNTIME
from xinzhi.serving.server import SPREADS
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ServeSettings

from .util import run

START_SECONDS = 300


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def process(log: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`xinzhi serve` in a process of its own; YIELDS the process and its address."""
    port = free_port()
    command = [sys.executable, "-m", "xinzhi", "serve", *options, "--port", str(port)]
    environment = {key: value for key, value in os.environ.items() if key != RUNTIME}
    with log.open("wb") as output:
        service = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(url), service, log)
        yield service, url
    finally:
        service.send_signal(signal.SIGTERM)
        try:
            service.wait(60)
        except subprocess.TimeoutExpired:
            service.kill()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(
    true: Callable[[], bool], service: subprocess.Popen[bytes] | None, log: Path
) -> None:
    for _ in range(START_SECONDS * 10):
        if true():
            return
        assert service is None or service.poll() is None, log.read_text("utf8")
        time.sleep(0.1)
    raise AssertionError(log.read_text("utf8"))


def messages(log: Path, text: str) -> list[dict[str, Any]]:
    whole = log.read_text("utf8").rpartition("\n")[0]  # the last line may be half written
    lines = [json.loads(line) for line in whole.splitlines()]
    return [line for line in lines if line["message"].startswith(text)]


class Load(threading.Thread):
    """Asks again and again until a connection is refused; counts what happens."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.seen: Counter[str] = Counter()

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=120) as http:
            while True:
                try:
                    response = http.post("/v1/analyze", json={"texts": ["在杭州", "慢"]})
                except httpx.ConnectError:
                    return
                except httpx.TransportError as err:
                    self.seen[type(err).__name__] += 1
                    return
                entities = response.json()["results"][0]["entities"]
                self.seen["right" if entities[0]["text"] == "杭州" else "wrong"] += 1


@pytest.mark.slow
def test_sigterm_under_load_loses_no_request(ruled: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(log, ruled) as (service, url):
        loads = [Load(url) for _ in range(12)]
        for load in loads:
            load.start()
        wait_until(lambda: all(load.seen["right"] > 3 for load in loads), service, log)
        service.send_signal(signal.SIGTERM)
        for load in loads:
            load.join(120)
        service.wait(120)
    seen = sum((load.seen for load in loads), Counter())
    # A connection that the kernel holds when the listener closes is reset: it was never accepted.
    assert set(seen) <= {"right", "ReadError"}, seen
    answered = [line for line in messages(log, "request") if line["endpoint"] == "/v1/analyze"]
    assert len(answered) == seen["right"], "every accepted request was answered"
    assert service.returncode in (0, -signal.SIGTERM)
    assert "杭州" not in log.read_text("utf8")


@pytest.mark.slow
def test_a_killed_worker_is_replaced(ruled: str, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def workers() -> list[int]:
        return [line["process"] for line in messages(log, "Application startup complete")]

    with process(log, ruled, "--workers", "2", "--set", "drain_seconds=0.2") as (service, url):
        wait_until(lambda: len(workers()) == 2, service, log)
        with Client(url, retries=8) as client:
            texts = [f"第{i}次到杭州" for i in range(400)]
            results = []
            for i, text in enumerate(texts):
                if i == 100:
                    os.kill(workers()[0], signal.SIGKILL)
                results.append(client.analyze(text))
            for text, result in zip(texts, results, strict=True):
                assert result["entities"][0]["start"] == text.index("杭")
            wait_until(lambda: len(workers()) == 3, service, log)
            assert len(set(workers())) == 3
            metrics = httpx.get(f"{url}/metrics").text
        texts_total = [line for line in metrics.splitlines() if line.startswith("xinzhi_texts_tot")]
        assert sum(float(line.split()[-1]) for line in texts_total) >= 400
    assert service.returncode in (0, -signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.skipif(not SPREADS, reason="this system does not spread connections over sockets")
def test_workers_share_the_connections(ruled: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(log, ruled, "--workers", "2", "--set", "drain_seconds=0.2") as (service, url):

        def started() -> int:
            return len(messages(log, "Application startup complete"))

        wait_until(lambda: started() == 2, service, log)
        with ExitStack() as stack:
            clients = [stack.enter_context(httpx.Client(base_url=url)) for _ in range(40)]
            for client in clients:
                client.post("/v1/analyze", json={"text": "在杭州"}, timeout=60).raise_for_status()
        command = [sys.executable, "-m", "xinzhi", "serve", ruled, "--workers", "2"]
        second = subprocess.run([*command, "--port", url.rpartition(":")[2]], timeout=120)
        assert second.returncode not in (0, None), "the address is taken"
    answered = [line for line in messages(log, "request") if line["endpoint"] == "/v1/analyze"]
    share = Counter(line["process"] for line in answered)
    assert sum(share.values()) == 40
    assert min(share.values()) >= 5, share
    assert len(share) == 2


@pytest.mark.slow
def test_what_cannot_be_served_ends_with_a_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "xinzhi", "serve", str(tmp_path / "none")]
    for workers in ("1", "2"):
        done = subprocess.run(
            [*command, "--workers", workers, "--port", "0"], capture_output=True, timeout=120
        )
        assert done.returncode != 0
        assert b"cannot be served" in done.stderr
        assert b"Traceback" not in done.stderr


def random_text(rng: random.Random) -> str:
    """Chinese characters and words that never occurred before."""
    han = "".join(chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(20))
    words = " ".join(f"{rng.getrandbits(40):x}" for _ in range(5))
    return f"{han}杭州 {words}"


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("pipeline", ["ruled", "ours"])
def test_memory_does_not_grow(pipeline: str, request: pytest.FixtureRequest) -> None:
    """Strings and memory stay the same over texts that have never been seen."""

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        rng = random.Random(0)
        nlp = service.store.get(None, ANYONE).nlp
        sizes, strings, docs = [], [], []
        for _ in range(2):
            for _ in range(30 if pipeline == "ruled" else 10):
                texts = [random_text(rng) for _ in range(64)]
                response = await client.post("/v1/analyze", json={"texts": texts})
                assert response.status_code == 200
            gc.collect()
            sizes.append(resident())
            strings.append(len(nlp.vocab.strings))
            docs.append(sum(type(thing) is Doc for thing in gc.get_objects()))
        assert strings[0] == strings[1], "strings of texts stay in the table"
        assert docs[0] == docs[1], "documents stay"
        assert sizes[1] < sizes[0] * 1.05, [size >> 20 for size in sizes]

    run(ServeSettings(models={"m": request.getfixturevalue(pipeline)}), check)
