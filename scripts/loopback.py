"""A service on this machine's loopback interface, for the scripts and tests that burden it."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

START_SECONDS = 300  # on a machine with much else to do
COMMON = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过"
)
FIRST_HAN, LAST_HAN = 0x4E00, 0x9FA5
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@contextmanager
def service(
    pipeline: str | Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[str]:
    """Run `xinzhi serve` until the block is left.

    pipeline (str): What to serve.
    options (str): Further options.
    environment (Mapping): Further environment variables.
    log (Path): Where its output goes; None: nowhere.
    YIELDS (str): Its address.
    """
    port = free_port()
    command = [sys.executable, "-m", "xinzhi", "serve", str(pipeline), "--port", str(port)]
    output = log.open("wb") if log else subprocess.DEVNULL
    process = subprocess.Popen(
        [*command, *options],
        env={**os.environ, **(environment or {})},
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        if log:
            output.close()  # type: ignore[union-attr]


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"xinzhi serve ended with exit code {process.returncode}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"xinzhi serve is not ready after {START_SECONDS} seconds")


class Connection:
    """A kept-alive HTTP connection that posts JSON and reads the answer. No more than that: it
    shares the processor with the service, and a general client costs ten times as much.

    url (str): Address of the service.
    headers (Mapping): Further headers.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname, parts.port
        given = {"Host": parts.netloc, "Content-Type": "application/json", **(headers or {})}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in given.items())

    async def __aenter__(self) -> Connection:
        self._reader, self._writer = await asyncio.open_connection(*self._place)
        return self

    async def __aexit__(self, *args: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """RETURNS (tuple): Status and body of the answer."""
        length = f"Content-Length: {len(body)}\r\n"
        head = f"POST {path} HTTP/1.1\r\n{self._headers}{length}\r\n"
        self._writer.write(head.encode("latin-1") + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        size = LENGTH.search(answer)
        assert size is not None, "the service sends whole answers here"
        return int(answer[9:12]), await self._reader.readexactly(int(size[1]))


def free_port() -> int:
    """RETURNS (int): A port that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def check_loopback(url: str) -> str:
    """RETURNS (str): The address; the script ends if it is another machine's."""
    host = urlsplit(url).hostname or ""
    if host not in ("localhost", "::1") and not re.fullmatch(r"127(\.\d+){3}", host):
        raise SystemExit(f"{url} is not on the loopback interface; burden only your own machine.")
    return url.rstrip("/")


def read_metrics(text: str) -> dict[str, float]:
    """RETURNS (dict): Name -> value, summed over labels, of Prometheus' text format."""
    totals: dict[str, float] = defaultdict(float)
    for name, value in SAMPLE.findall(text):
        totals[name] += float(value)
    return dict(totals)


def random_text(rng: random.Random, characters: int) -> str:
    """RETURNS (str): Random Chinese: half frequent characters, half any of the 20,902."""
    frequent = rng.choices(COMMON, k=characters)
    return "".join(
        char if rng.random() < 0.5 else chr(rng.randint(FIRST_HAN, LAST_HAN)) for char in frequent
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """RETURNS (float): The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
