"""What the OpenAPI document says of each endpoint, with examples."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from . import replies
from .schemas import (
    Conversation,
    ForLiked,
    ForText,
    ForUser,
    ManyTexts,
    Offsets,
    OneText,
    OneTurn,
    Question,
    Similar,
    Swap,
)
from .settings import ServeSettings

Forms = dict[str, tuple[type[BaseModel], dict[str, Any]]]
LIMITS = ("max_body_bytes", "max_stream_bytes", "max_text_characters", "max_texts")
TEXT = "社区开通了刷脸门禁，老人也能用一网通办预约体检，大家都说方便。"
RESULT = {
    "length": 31,
    "entities": [{"start": 5, "end": 9, "label": "技术", "text": "刷脸门禁", "confidence": 0.94}],
    "heads": {"sentiment": {"negative": 0.03, "positive": 0.97}},
    "cats": {"sentiment/negative": 0.03, "sentiment/positive": 0.97},
    "scores": {},
    "abstained": {},
    "decisions": {"sentiment": "positive"},
    "answers": [],
    "spans": {},
}
MODEL = {"name": "smartcity", "version": "0.1.0"}
PROBLEMS = {
    400: "Not JSON: syntax, UTF-8, a lone surrogate, nesting; not gzip",
    401: "API key missing or wrong",
    403: "The key does not open this model",
    404: "No such model or version",
    408: "The body took too long to arrive",
    409: "The version cannot be served",
    413: "Body, text or number of texts over the limit",
    415: "Not declared as JSON",
    421: "The Host header names another machine",
    422: "Not the documented form, or more than this model can do",
    429: "Too many texts wait, or the key's limit is used up; Retry-After says how long",
    500: "The pipeline fails on this text",
    503: "Not ready",
    504: "No answer in time",
}
COMMON = (401, 421)
ANALYZE = (400, 403, 404, 408, 413, 415, 422, 429, 500, 504)
WITHOUT_MODEL = tuple(status for status in ANALYZE if status not in (404, 500))
SECURITY: dict[str, Any] = {"security": [{"bearer": []}, {"key": []}, {}]}
PAGE_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}, {"password": []}, {}]
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "password": {"type": "http", "scheme": "basic", "description": "The key as the password"},
}


def analyze(settings: ServeSettings) -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `POST /v1/analyze`."""
    one, many = schema(OneText, settings), schema(ManyTexts, settings)
    answered = {"summary": "A text", "value": {"model": MODEL, "results": [RESULT]}}
    line = json.dumps({"id": 1, "model": MODEL, **RESULT}, ensure_ascii=False)
    return {
        "summary": "Analyze one text or several",
        "responses": {
            200: {
                "model": replies.AnalyzeReply,
                "content": {
                    "application/json": {"examples": {"one": answered}},
                    "application/x-ndjson": {"schema": {"type": "string"}, "example": line},
                },
            },
            **problems(*ANALYZE),
        },
        "openapi_extra": {
            **SECURITY,
            "parameters": _parameters(),
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"oneOf": [one, many]},
                        "examples": {
                            "one": {"summary": "One text", "value": {"text": TEXT}},
                            "many": {
                                "summary": "Several, one head, offsets for JavaScript",
                                "value": {
                                    "texts": [TEXT, "Parking is easy now."],
                                    "offsets": "utf16",
                                },
                            },
                        },
                    },
                    "application/x-ndjson": {
                        "schema": {"type": "string"},
                        "example": '{"id": 1, "text": "一网通办真方便"}\n{"id": 2, "text": "…"}\n',
                    },
                },
            },
        },
    }


def similar(settings: ServeSettings) -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `POST /v1/similar`."""
    example = {"text": "怎么办社保卡", "candidates": ["社保卡办理流程", "公交线路查询"]}
    return {
        "summary": "Compare a text with candidates",
        "responses": {200: {"model": replies.SimilarReply}, **problems(*ANALYZE)},
        "openapi_extra": {**SECURITY, **request_body(schema(Similar, settings), example)},
    }


def faq(settings: ServeSettings) -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `POST /v1/faq`."""
    example = {"text": "社保卡丢了怎么补", "k": 3}
    return {
        "summary": "Find the answer to a question in the knowledge base",
        "responses": {200: {"model": replies.FaqReply}, **problems(*WITHOUT_MODEL)},
        "openapi_extra": {**SECURITY, **request_body(schema(Question, settings), example)},
    }


def desk(settings: ServeSettings) -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `POST /v1/desk`."""
    one = {"text": "你们窗口那个人态度太恶劣了，气死我了！", "not_answered": 0}
    many = {"texts": ["医保卡丢了怎么补办", "转人工"]}
    forms: Forms = {"A turn": (OneTurn, one), "A conversation": (Conversation, many)}
    return {
        "summary": "Intent, sentiment, entities, answer and route of what a user says",
        "responses": {
            200: {"model": replies.DeskReply},
            **problems(*WITHOUT_MODEL, 500, 503),
        },
        "openapi_extra": {**SECURITY, **alternatives(forms, settings)},
    }


def recommend(settings: ServeSettings) -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `POST /v1/recommend`."""
    forms: Forms = {
        "A user of the training": (ForUser, {"user": "居民1", "k": 3}),
        "Somebody new": (ForLiked, {"liked": ["1", "2"], "k": 3}),
    }
    if settings.recommend_encoder is not None:
        forms["A wish"] = (ForText, {"text": "想学做川菜", "k": 3})
    return {
        "summary": "Items for a user, or for what somebody likes",
        "responses": {200: {"model": replies.RecommendReply}, **problems(*WITHOUT_MODEL)},
        "openapi_extra": {**SECURITY, **alternatives(forms, settings)},
    }


def monitor(form: str) -> dict[str, Any]:
    """RETURNS (dict): Arguments of a route of the opinion monitor.

    form (str): "JSON" or "HTML".
    """
    kinds = {"JSON": ("application/json", "object"), "HTML": ("text/html", "string")}
    media, kind = kinds[form]
    day = {"type": "string", "format": "date"}
    return {
        "summary": f"The dashboard of the opinion monitor, {form}",
        "response_class": Response,
        "responses": {
            200: {"description": "As it is now", "content": {media: {"schema": {"type": kind}}}},
            **problems(403, 422, 429, 503, 504),
        },
        "openapi_extra": {
            "security": SECURITY["security"] if form == "JSON" else PAGE_SECURITY,
            "parameters": [_parameter("since", day), _parameter("until", day)],
        },
    }


def models() -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `GET /v1/models`."""
    responses = {200: {"model": replies.ModelsReply}, **problems()}
    return {"summary": "Models", "responses": responses, "openapi_extra": SECURITY}


def model() -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `GET /v1/model`."""
    return {
        "summary": "One model: meta, labels, scores, versions, thresholds",
        "responses": {200: {"model": replies.ModelReply}, **problems(403, 404)},
        "openapi_extra": {**SECURITY, "parameters": [_parameter("model", {"type": "string"})]},
    }


def change_version() -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route that changes the version of a model."""
    body = request_body(Swap.model_json_schema(), {"version": "0.2.0"})
    return {
        "summary": "Serve another version; the requests under way are answered by the old one",
        "responses": {
            200: {"model": replies.SwapReply},
            **problems(400, 403, 404, 408, 409, 413, 415, 422),
        },
        "openapi_extra": {**SECURITY, **body, "parameters": [NAME]},
    }


def roll_back() -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route that goes back to the version before."""
    return {
        "summary": "Serve the version before the last change",
        "responses": {200: {"model": replies.SwapReply}, **problems(403, 404, 409)},
        "openapi_extra": {**SECURITY, "parameters": [NAME]},
    }


def health() -> dict[str, Any]:
    """RETURNS (dict): Arguments of the routes of the probes."""
    return {"responses": {200: {"model": replies.Status}, **problems(503)}}


def metrics() -> dict[str, Any]:
    """RETURNS (dict): Arguments of the route of `GET /metrics`."""
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "summary": "Counters for Prometheus",
        "responses": {200: text, **problems(403)},
        "openapi_extra": SECURITY,
    }


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """RETURNS (dict): Status -> its problem response."""
    content = {"application/problem+json": {"schema": replies.ProblemReply.model_json_schema()}}
    return {
        status: {"description": PROBLEMS[status], "content": content}
        for status in sorted({*COMMON, *statuses})
    }


def request_body(body_schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict): The part of the document that describes a JSON body."""
    content = {"application/json": {"schema": body_schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def alternatives(forms: Forms, settings: ServeSettings) -> dict[str, Any]:
    """RETURNS (dict): As `request_body`, of one of several forms: summary -> form and example."""
    schemas = [schema(kind, settings) for kind, _ in forms.values()]
    examples = {name: {"summary": name, "value": example} for name, (_, example) in forms.items()}
    content = {"application/json": {"schema": {"oneOf": schemas}, "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


def schema(kind: type[BaseModel], settings: ServeSettings) -> dict[str, Any]:
    """RETURNS (dict): The JSON schema of a request, with the limits of this service."""
    found = kind.model_json_schema()
    members = found["properties"]
    for name in {"text", "user"} & set(members):
        members[name]["maxLength"] = settings.max_text_characters
    for name in ("texts", "candidates", "liked"):
        if name in members:
            members[name]["maxItems"] = settings.max_texts - (name == "candidates")
            members[name]["items"]["maxLength"] = settings.max_text_characters
    return found


def _parameters() -> list[dict[str, Any]]:
    names: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    listed = {"style": "form", "explode": False}
    return [
        _parameter("model", {"type": "string"}),
        {**_parameter("components", names), **listed},
        {**_parameter("heads", names), **listed},
        _parameter("offsets", {"enum": list(Offsets.__args__)}),  # type: ignore[attr-defined]
        _parameter("alternatives", {"type": "boolean"}),
    ]


def _parameter(name: str, of: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": of}
