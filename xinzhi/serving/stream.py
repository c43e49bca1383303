"""JSON Lines in, JSON Lines out, in order, both at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic_core import to_json
from spacy.tokens import Doc
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .batching import Plan
from .bodies import Body, ClientGone, Inbox, lines
from .engine import check_failures
from .keys import Caller
from .problems import Problem
from .schemas import Line, check, read_json
from .service import Service

BATCHES_AHEAD = 2
PAUSE = 0.02  # seconds until a full queue is asked again
BYTES_PER_CHARACTER = 12  # a character outside the BMP written as two \u escapes


class LineStream(Response):
    """The answer to a JSON Lines request; an ASGI application.

    The body is taken in as it comes, whether or not the client reads the answers: a client that
    sends everything first does not block. It is decompressed and cut into lines only as these are
    answered, so a stream holds no more than the limit of the body. Every line is answered by the
    same version of the model.

    service (Service): The service.
    caller (Caller): Who asks; its limit slows the stream down.
    plan (Plan): What to do with each text.
    convert (Callable): Turns a Doc into plain data.
    headers (Headers): Of the request.
    """

    def __init__(
        self,
        service: Service,
        caller: Caller,
        plan: Plan,
        convert: Callable[[Doc], Any],
        headers: Headers,
    ) -> None:
        super().__init__(media_type="application/x-ndjson")
        self._service = service
        self._caller = caller
        self._plan = plan
        self._convert = convert
        limit = service.settings.max_stream_bytes
        self._inbox = Inbox(limit)
        self._body = Body(self._inbox.receive, headers, limit)
        self._room = asyncio.Semaphore(BATCHES_AHEAD * service.settings.max_batch_texts)
        self._answers: asyncio.Queue[asyncio.Future[bytes] | None] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer every line; stop when the client goes."""
        facts = scope["state"]["facts"]
        reader = asyncio.ensure_future(self._inbox.fill(receive))
        starter = asyncio.ensure_future(self._start_answers())
        writer = asyncio.ensure_future(self._write(send))
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                facts["texts"] = writer.result()
            else:
                facts["client_gone"] = True
                reader.result()
        except ClientGone:
            pass
        finally:
            tasks = (reader, starter, writer)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            while not self._answers.empty():
                answer = self._answers.get_nowait()
                if answer is not None:
                    answer.cancel()

    async def _start_answers(self) -> None:
        longest = BYTES_PER_CHARACTER * self._service.settings.max_text_characters + 1024
        try:
            async for line in lines(self._body.parts(), longest):
                await self._start_answer(_too_long() if line is None else line)
        except Problem as problem:
            await self._start_answer(problem)
        self._answers.put_nowait(None)

    async def _start_answer(self, line: bytes | Problem) -> None:
        await self._room.acquire()
        self._answers.put_nowait(asyncio.ensure_future(self._answer(line)))

    async def _write(self, send: Send) -> int:
        """RETURNS (int): How many lines were answered."""
        headers = [(k, v) for k, v in self.raw_headers if k != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        count = 0
        while (answer := await self._answers.get()) is not None:
            line = await answer
            self._room.release()
            await send({"type": "http.response.body", "body": line, "more_body": True})
            count += 1
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return count

    async def _answer(self, line: bytes | Problem) -> bytes:
        """RETURNS (bytes): A line: the result, or what is wrong with this one."""
        given: Any = None
        try:
            if isinstance(line, Problem):
                raise line
            value = read_json(line)
            given = line_id(value)
            text = check(Line, value).text
            result = {"model": self._plan.model.label, **await self._run(text)}
        except Problem as problem:
            result = {"problem": problem.to_dict()}
        return to_json({"id": given, **result}, inf_nan_mode="null") + b"\n"

    async def _run(self, text: str) -> dict[str, Any]:
        limit = self._service.settings.max_text_characters
        if len(text) > limit:
            raise _too_long()
        while (seconds := self._caller.bucket.wait_for(1)) > 0:
            await asyncio.sleep(seconds)
        engine = self._service.engine
        while not engine.has_room():
            await asyncio.sleep(PAUSE)
        results = await engine.within_deadline(engine.submit([text], self._plan, self._convert))
        check_failures(self._plan, results)
        return results[0]


def line_id(value: Any) -> str | int | None:
    """RETURNS (str / int): The id of a line, if it has a proper one."""
    given = value.get("id") if isinstance(value, dict) else None
    proper = isinstance(given, (str, int)) and not isinstance(given, bool)
    return given if proper else None


def _too_long() -> Problem:
    return Problem(413, "text_too_long", "The text of this line is too long. Cut it.")
