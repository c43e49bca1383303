"""Alarms to files and webhooks: once each, signed, again after a failure."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from xinzhi.apps.monitor.alarms import Alarm, update_alarms
from xinzhi.apps.monitor.database import Database
from xinzhi.apps.monitor.delivery import (
    SIGNATURE,
    TIMESTAMP,
    TRIES,
    ConsoleTarget,
    FileTarget,
    WebhookTarget,
    deliver,
)
from xinzhi.apps.monitor.ingest import ingest
from xinzhi.errors import XinzhiError

from .conftest import OPINION


class Receiver(ThreadingHTTPServer):
    """Keeps what it gets, and answers as it is told: status codes in order, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=secret"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def alarms(opened: Database) -> list[Alarm]:
    ingest(opened, [str(OPINION / "posts.jsonl")])
    return update_alarms(opened).alarms


def test_each_target_gets_each_alarm_once(
    opened: Database, alarms: list[Alarm], tmp_path: Path
) -> None:
    said: list[str] = []
    targets = [ConsoleTarget(said.append), FileTarget(tmp_path / "out" / "alarms.jsonl")]
    for _ in range(2):
        assert deliver(opened, alarms, targets) == []
    lines = (tmp_path / "out" / "alarms.jsonl").read_text(encoding="utf8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [alarm.id for alarm in alarms]
    assert json.loads(lines[1])["raised_at"] == "2026-01-19T20:00:00"
    assert len(said) == 2
    assert opened.rows("SELECT COUNT(*) FROM deliveries") == [(4,)]


def test_a_webhook_is_signed(opened: Database, alarms: list[Alarm], receiver: Receiver) -> None:
    assert deliver(opened, alarms[:1], [WebhookTarget(receiver.url, "geheim 密")]) == []
    ((headers, body),) = receiver.got
    content = headers[TIMESTAMP].encode() + b"." + body
    expected = hmac.new("geheim 密".encode(), content, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"sha256={expected}"
    assert headers["Idempotency-Key"] == alarms[0].id
    assert json.loads(body) == json.loads(json.dumps(alarms[0].to_dict()))
    assert "token" not in opened.rows("SELECT target FROM deliveries")[0][0]


def test_a_webhook_is_tried_again(
    opened: Database, alarms: list[Alarm], receiver: Receiver
) -> None:
    target = WebhookTarget(receiver.url, wait=0.001)
    receiver.answers = [503, 429]
    assert deliver(opened, alarms[:1], [target]) == []
    assert len(receiver.got) == 3
    assert SIGNATURE not in receiver.got[0][0]
    receiver.answers = [500] * TRIES
    (failure,) = deliver(opened, alarms, [target])
    assert "HTTP 500" in failure
    assert len(receiver.got) == 3 + TRIES
    assert deliver(opened, alarms, [target]) == []  # the next run sends it
    assert len(receiver.got) == 4 + TRIES


def test_what_another_try_would_not_help(
    opened: Database, alarms: list[Alarm], receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [404]
    (failure,) = deliver(opened, alarms[:1], [WebhookTarget(receiver.url, wait=0.001)])
    assert "HTTP 404" in failure
    assert len(receiver.got) == 1
    (tmp_path / "folder").mkdir()
    (failure,) = deliver(opened, alarms[:1], [FileTarget(tmp_path / "folder")])
    assert "cannot be written" in failure
    with pytest.raises(XinzhiError, match="no address of a webhook"):
        WebhookTarget("ftp://example.org/x")


def test_nobody_answers(opened: Database, alarms: list[Alarm], receiver: Receiver) -> None:
    url = receiver.url
    receiver.server_close()
    (failure,) = deliver(opened, alarms[:1], [WebhookTarget(url, wait=0.001)])
    assert alarms[0].id in failure
    assert "sent again" in failure
