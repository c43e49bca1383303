"""What arrives before there is a request: too much, too slowly, or no HTTP at all."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from xinzhi.serving import protocol
from xinzhi.serving.app import create_app
from xinzhi.serving.headers import HEADERS
from xinzhi.serving.protocol import MOST_HEAD_BYTES, BoundedHttp
from xinzhi.serving.server import uvicorn_config
from xinzhi.serving.settings import ServeSettings

HEAD = b"POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GOOD = '{"text": "杭州"}'.encode()
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(GOOD), GOOD)


@pytest.fixture
def port(ruled: str) -> Iterator[int]:
    app = create_app(ServeSettings(models={"m": ruled}))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, http=BoundedHttp))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def answer(port: int, *parts: bytes, one: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; what comes back until the connection is closed, or one answer."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            if one and select.select([connection], [], [], 0.002)[0]:
                break  # what follows is not read any more
        while more := connection.recv(2**16):
            received += more
            if one and b"\r\n\r\n" in received:
                break
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


def check_problem(found: tuple[int, dict[str, str], bytes], status: int, code: str) -> None:
    assert (found[0], json.loads(found[2])["code"]) == (status, code)
    assert found[1]["content-type"] == "application/problem+json"
    assert found[1]["connection"] == "close"
    assert {name: found[1][name.lower()] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n{}",
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"no number\r\n",
    ],
)
def test_no_http(request_: bytes, port: int) -> None:
    check_problem(answer(port, request_), 400, "invalid_http")


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Endless: ",
        b"GET /",
        CHUNKED + b"1\r\n{\r\n0\r\nX-Trailer: ",
        CHUNKED + b"1;extension=",
    ],
)
def test_a_head_without_end(start: bytes, port: int) -> None:
    parts = [start, *[b"a" * 2**13] * (MOST_HEAD_BYTES // 2**13 + 40)]
    status, _, body = answer(port, *parts, one=True)
    assert status in (400, 431)
    assert json.loads(body)["code"] in ("invalid_http", "headers_too_large")


def test_many_headers(port: int) -> None:
    header = b"X-%d: " + b"b" * 1000 + b"\r\n"
    parts = [b"GET / HTTP/1.1\r\n", *(header % i for i in range(200))]
    check_problem(answer(port, *parts, one=True), 431, "headers_too_large")


@pytest.mark.parametrize("start", [b"", b"GET / HT", HEAD])
def test_half_a_request(start: bytes, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    began = time.monotonic()
    check_problem(answer(port, start), 408, "slow_request")
    assert time.monotonic() - began < 5


def test_half_a_request_after_a_whole_one(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    status, _, rest = answer(port, REQUEST + HEAD)
    assert status == 200
    assert rest.count(b"HTTP/1.1 408 Request Timeout") == 1


def test_requests_in_small_parts_and_one_after_the_other(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 2.0)
    last = REQUEST.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    whole = REQUEST * 20 + last
    parts = [whole[i : i + 100] for i in range(0, len(whole), 100)]
    status, _, rest = answer(port, *parts)
    assert status == 200
    assert rest.count(b"HTTP/1.1 200") == 20
    assert rest.count("杭州".encode()) == 21


def test_a_long_body_is_no_head(port: int) -> None:
    body = json.dumps({"text": "杭州", "heads": [], "texts": "x" * 300_000}).encode()
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:200_000])]
    status, _, found = answer(port, CHUNKED, *chunks, b"0\r\n\r\n", one=True)
    assert (status, json.loads(found)["code"]) == (400, "invalid_json")


def test_the_service_uses_it(ruled: str) -> None:
    config = uvicorn_config(ServeSettings(models={"m": ruled}))
    config.load()
    assert config.http_protocol_class is BoundedHttp


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/v1/model", 200), ("/", 200), ("/v1/analyze", 405)]
)
def test_head(path: str, status: int, port: int) -> None:
    head = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    found = answer(port, head.encode())
    assert (found[0], found[2]) == (status, b"")
    assert int(found[1]["content-length"]) > 0
