"""Errors of the service as RFC 9457 problem details."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """What a caller is told instead of an answer.

    status (int): The HTTP status.
    code (str): A fixed name for programs, e.g. "queue_full".
    detail (str): What is wrong, then what to do, for people. Never the text that was sent.
    headers (dict): Further headers of the response.
    extra (Any): Further members of the problem object.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): The problem object."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.extra,
        }

    def to_response(self) -> Response:
        """RETURNS (Response): With the media type of problem details."""
        body = to_json(self.to_dict())
        return Response(body, self.status, self.headers, media_type=MEDIA_TYPE)


def deadline(seconds: float) -> Problem:
    """RETURNS (Problem): 504: there was no answer within so many seconds."""
    return Problem(504, "deadline", f"No answer within {seconds:g} seconds. Send less at a time.")
