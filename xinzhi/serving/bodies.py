"""Reading request bodies: never more than a limit, compressed or not, never for ever."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from starlette.datastructures import Headers

from .problems import Problem

Receive = Callable[[], Awaitable[Any]]
GZIP = 16 + zlib.MAX_WBITS
PIECE = 2**16  # bytes that are handled at a time


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

        YIELDS (bytes): The next part, decompressed, some 64 KiB at most if it was compressed.
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
            for piece in [part] if self._inflate is None else self._decompress(part):
                if piece:
                    yield piece
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

    def _decompress(self, part: bytes) -> Iterator[bytes]:
        """A piece at a time, at most one byte over the limit altogether: a bomb does not go off."""
        assert self._inflate is not None
        wanted, plain = 0, b""
        while part or len(plain) == wanted:
            room = self._limit - self._size
            wanted = min(PIECE, room + 1)
            try:
                plain = self._inflate.decompress(part, wanted)
            except zlib.error as err:
                raise Problem(400, "bad_gzip", "The body is not gzip.") from err
            if len(plain) > room:
                raise self._too_large()
            if self._inflate.unused_data:
                raise Problem(400, "bad_gzip", "Bytes follow the end of the gzip body.")
            self._size += len(plain)
            part = self._inflate.unconsumed_tail
            yield plain

    def _too_large(self) -> Problem:
        return Problem(
            413,
            "body_too_large",
            f"The body has more than {self._limit} bytes (counted after decompression too). "
            "Send fewer texts at a time.",
            limit=self._limit,
        )


class Inbox:
    """Takes a body in whether or not somebody reads it, and hands it out a piece at a time. It
    keeps the bytes as they were sent, so it never holds more than the limit.

    limit (int): Most bytes; what follows them is dropped, for `Body` to refuse.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._size = 0
        self._more = True
        self._changed = asyncio.Event()

    async def fill(self, receive: Receive) -> None:
        """Take the body in, then watch for the client to go.

        receive (Receive): Of the request.
        RAISES (ClientGone): When it has gone.
        """
        while (message := await receive())["type"] != "http.disconnect":
            part = message.get("body", b"")
            if self._size <= self._limit:
                self._bytes += part
            self._size += len(part)
            self._more = message.get("more_body", False)
            self._changed.set()
        raise ClientGone

    async def receive(self) -> dict[str, Any]:
        """RETURNS (dict): The next piece, as a message of a request."""
        while not self._bytes and self._more:
            self._changed.clear()
            await self._changed.wait()
        piece = bytes(self._bytes[:PIECE])
        del self._bytes[:PIECE]
        more = self._more or bool(self._bytes)
        return {"type": "http.request", "body": piece, "more_body": more}


async def lines(parts: AsyncIterator[bytes], longest: int) -> AsyncIterator[bytes | None]:
    """Cut a body into lines. However fast it comes, others get their turn after each part.

    parts (AsyncIterator): The body.
    longest (int): Most bytes of a line.
    YIELDS (bytes): The next line that is not blank; None for one that is too long.
    """
    line, skipping = bytearray(), False
    async for part in parts:
        await asyncio.sleep(0)
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
