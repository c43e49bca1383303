"""HTTP/1.1 by uvicorn, with limits: a head that is too large or too slow ends the connection."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .headers import RAW_HEADERS
from .problems import Problem

MOST_HEAD_BYTES = 2**16  # beside what arrives with its first part
HEAD_SECONDS = 20.0


class BoundedHttp(HttpToolsProtocol):
    """uvicorn keeps headers of any size and waits for their end for ever. Also, what is no HTTP
    gets a problem document with our headers here, as every other error."""

    _waits: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_head = True
    _head_began = False

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is neither part of a body nor came with the first bytes of a head; so the end
        of a chunked body is bounded as well."""
        self._is_head = True
        super().data_received(data)
        if self._head_began and self._waits is None:
            self._wait()
        self._head_bytes = self._head_bytes + len(data) if self._is_head else 0
        if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(
                431, "headers_too_large", f"Headers may have {MOST_HEAD_BYTES} bytes altogether."
            )

    def on_message_begin(self) -> None:
        """Count anew."""
        self._is_head, self._head_began = False, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop waiting."""
        self._head_began = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A body has limits of its own."""
        self._is_head = False
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400, "invalid_http", "This is no valid HTTP/1.1 request.")

    def _wait(self) -> None:
        self._waits = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, "slow_request", f"No request within {HEAD_SECONDS:g} seconds.")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer, unless another answer is on its way, and close the connection."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            response = Problem(status, code, detail).to_response()
            headers = [*response.raw_headers, *RAW_HEADERS, (b"connection", b"close")]
            head = b"".join(b"%s: %s\r\n" % header for header in headers)
            line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
            self.transport.write(b"%s%s\r\n%s" % (line, head, response.body))
        self.transport.close()
