"""Reading request bodies: never more than a limit, compressed or not, never for ever."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers

from .problems import Problem

Receive = Callable[[], Awaitable[Any]]
GZIP = 16 + zlib.MAX_WBITS


class ClientGone(Exception):
    """The client has closed the connection."""


class Body:
    """The body of one request.

    receive (Receive): Where its parts come from.
    headers (Headers): Of the request.
    limit (int): Most bytes, before and after decompression.
    """

    def __init__(self, receive: Receive, headers: Headers, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._sent = self._size = 0
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", ""):
            raise Problem(415, "unsupported_encoding", "Content-Encoding must be gzip or identity.")
        self._inflate = zlib.decompressobj(GZIP) if encoding == "gzip" else None
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise self._too_large()

    async def parts(self) -> AsyncIterator[bytes]:
        """Go through the body as it arrives.

        YIELDS (bytes): The next part, decompressed.
        RAISES (Problem): 413 over the limit, 400 if it is not gzip though it says so.
        """
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            part = message.get("body", b"")
            self._sent += len(part)
            if self._sent > self._limit:
                raise self._too_large()
            plain = part if self._inflate is None else self._decompress(part)
            self._size += len(plain)
            if plain:
                yield plain
        if self._inflate is not None and not self._inflate.eof:
            raise Problem(400, "bad_gzip", "The gzip body is cut off.")

    async def read(self, seconds: float) -> bytes:
        """Read the whole body.

        seconds (float): The longest that may take.
        RETURNS (bytes): The body.
        RAISES (Problem): As `parts`; 408 if it takes too long.
        """
        try:
            return await asyncio.wait_for(self._join(), seconds)
        except asyncio.TimeoutError as err:
            raise Problem(408, "slow_request", "The body took too long to arrive.") from err

    async def _join(self) -> bytes:
        return b"".join([part async for part in self.parts()])

    def _decompress(self, part: bytes) -> bytes:
        """At most one byte over the limit is ever produced: a bomb does not go off."""
        assert self._inflate is not None
        room = self._limit - self._size
        try:
            plain = self._inflate.decompress(part, room + 1)
        except zlib.error as err:
            raise Problem(400, "bad_gzip", "The body is not gzip.") from err
        if len(plain) > room:
            raise self._too_large()
        if self._inflate.unused_data:
            raise Problem(400, "bad_gzip", "Bytes follow the end of the gzip body.")
        return plain

    def _too_large(self) -> Problem:
        return Problem(
            413,
            "body_too_large",
            f"The body has more than {self._limit} bytes (counted after decompression too). "
            "Send fewer texts at a time.",
            limit=self._limit,
        )


async def lines(parts: AsyncIterator[bytes], longest: int) -> AsyncIterator[bytes | None]:
    """Cut a body into lines.

    parts (AsyncIterator): The body.
    longest (int): Most bytes of a line.
    YIELDS (bytes): The next line that is not blank; None for one that is too long.
    """
    line, skipping = bytearray(), False
    async for part in parts:
        *ends, rest = part.split(b"\n")
        for end in ends:
            if skipping or len(line) + len(end) > longest:
                yield None
            elif (whole := bytes(line) + end).strip():
                yield whole
            line.clear()
            skipping = False
        if skipping or len(line) + len(rest) > longest:
            line.clear()
            skipping = True
        else:
            line += rest
    if skipping:
        yield None
    elif line.strip():
        yield bytes(line)
