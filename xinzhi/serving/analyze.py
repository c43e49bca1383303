"""`POST /v1/analyze`: texts in, what the model says of them out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from pydantic_core import to_json
from spacy.tokens import Doc
from starlette.requests import Request
from starlette.responses import Response

from ..plain import ResultOptions, to_plain
from .batching import Plan
from .bodies import Body, ClientGone, Receive
from .engine import check_failures
from .keys import Caller
from .models import LoadedModel
from .problems import Problem, deadline
from .schemas import ManyTexts, OneText, Options, check, read_json
from .service import Service
from .settings import ServeSettings
from .stream import LineStream

T = TypeVar("T")
JSON_LINES = "application/x-ndjson"
FLAGS = {"true": True, "false": False}


async def analyze(service: Service, request: Request) -> Any:
    """Answer one request.

    service (Service): The service.
    request (Request): The request.
    RETURNS (Response): JSON, or JSON Lines if that is what was sent.
    RAISES (Problem): See docs/serving.md.
    """
    caller = service.keys.identify(request.headers)
    options = from_query(request)
    if media_type(request) == JSON_LINES:
        model, plan, shown = prepare(service, caller, check(Options, options))
        note(request, caller, model)
        return LineStream(service, caller, plan, partial(to_plain, options=shown), request.headers)
    value = await read_body(service.settings, request)
    if isinstance(value, dict):
        value = {**options, **value}
    many = isinstance(value, dict) and "texts" in value
    query = check(ManyTexts, value) if many else check(OneText, value)
    texts = query.all_texts
    check_sizes(texts, service.settings)
    model, plan, shown = prepare(service, caller, query)
    caller.spend(len(texts))
    note(request, caller, model, texts)
    results = await run(service, request, texts, plan, partial(to_plain, options=shown))
    return reply({"model": model.label, "results": results})


async def run(
    service: Service,
    request: Request,
    texts: list[str],
    plan: Plan,
    convert: Callable[[Doc], Any],
) -> list[Any]:
    """Run the texts of a request.

    service, request: As for `analyze`; the body has been read.
    texts, plan, convert: As for `Engine.submit`.
    RETURNS (list): Plain data for each text.
    RAISES (Problem): 429 if too many texts wait, 504 after the deadline, 500 if the pipeline fails
        on a text.
    """
    future = service.engine.submit(texts, plan, convert)
    results = await unless_gone(request.receive, future, service.settings.timeout_seconds)
    check_failures(plan, results)
    return results


def prepare(
    service: Service, caller: Caller, options: Options
) -> tuple[LoadedModel, Plan, ResultOptions]:
    """RETURNS (tuple): The model that answers, what it runs, what is shown."""
    model = service.model(options.model, caller)
    heads = model.check_heads(options.heads)
    plan = Plan(model, model.disabled(options.components))
    shown = ResultOptions(
        options.offsets == "utf16", heads, options.alternatives, service.settings.digits
    )
    return model, plan, shown


def from_query(request: Request) -> dict[str, Any]:
    """RETURNS (dict): The options that the URL sets: ?model=…&heads=a,b&offsets=utf16.

    RAISES (Problem): 422 for one that does not exist: a text does not belong there, either.
    """
    given = request.query_params
    if not given.keys() <= Options.model_fields.keys():
        known = list(Options.model_fields)
        raise Problem(422, "unknown_option", "The address has an unknown option.", known=known)
    options: dict[str, Any] = {key: given[key] for key in ("model", "offsets") if key in given}
    options |= {key: given[key].split(",") for key in ("components", "heads") if key in given}
    if "alternatives" in given:
        options["alternatives"] = FLAGS.get(given["alternatives"], given["alternatives"])
    return options


def media_type(request: Request) -> str:
    """RETURNS (str): The media type of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(settings: ServeSettings, request: Request) -> Any:
    """RETURNS (Any): The JSON value that was sent.

    RAISES (Problem): 415 if it is not declared as JSON; see `Body` and `read_json`.
    """
    if media_type(request) != "application/json":
        raise Problem(
            415, "not_json", "Send Content-Type: application/json (or application/x-ndjson)."
        )
    body = Body(request.receive, request.headers, settings.max_body_bytes)
    return read_json(await body.read(settings.timeout_seconds))


def check_sizes(texts: list[str], settings: ServeSettings) -> None:
    """RAISES (Problem): 413 for too many texts, or one that is too long."""
    if len(texts) > settings.max_texts:
        raise Problem(
            413,
            "too_many_texts",
            f"A request takes at most {settings.max_texts} texts. Send them in several, or as "
            "JSON Lines.",
            limit=settings.max_texts,
        )
    for i, text in enumerate(texts):
        if len(text) > settings.max_text_characters:
            raise Problem(
                413,
                "text_too_long",
                f"A text may have at most {settings.max_text_characters} characters, this one has "
                f"{len(text)}. Cut it, e.g. into paragraphs.",
                limit=settings.max_text_characters,
                index=i,
            )


async def unless_gone(receive: Receive, work: Awaitable[T], seconds: float | None = None) -> T:
    """Wait for work, or cancel it after the deadline, or when the client closes the connection.

    receive (Receive): Of the request, whose body has been read.
    work (Awaitable): The work.
    seconds (float): The longest that it may take; None: the work sees to that.
    RETURNS (T): Its result.
    RAISES (ClientGone): If the client is gone.
    RAISES (Problem): 504 after the deadline.
    """
    future = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(receive))
    first = asyncio.FIRST_COMPLETED
    try:
        await asyncio.wait((future, gone), timeout=seconds, return_when=first)
        if future.done():
            return future.result()
        if gone.done():
            raise ClientGone
        raise deadline(seconds or 0)
    finally:
        gone.cancel()
        if future.cancel():
            await asyncio.wait((future,))


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def note(request: Request, caller: Caller, model: LoadedModel, texts: list[str] = []) -> None:  # noqa: B006
    """Say in the log line of the request who asked what of whom; never the text."""
    facts = request.state.facts
    facts |= {"key": caller.name, "model": model.name, "version": model.version}
    if texts:
        facts |= {"texts": len(texts), "characters": sum(map(len, texts))}


def reply(value: Any) -> Response:
    """RETURNS (Response): JSON; what is not a number is null."""
    return Response(to_json(value, inf_nan_mode="null"), media_type="application/json")
