"""`POST /v1/similar`: how close candidates are to a text, by the encoder's vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from spacy.tokens import Doc
from starlette.requests import Request
from starlette.responses import Response

from ..plain import rounded
from .analyze import check_sizes, note, read_body, reply, run
from .batching import Plan
from .problems import Problem
from .schemas import Similar, check
from .service import Service


async def similar(service: Service, request: Request) -> Response:
    """Answer one request.

    service (Service): The service.
    request (Request): The request.
    RETURNS (Response): The candidates by descending cosine similarity.
    RAISES (Problem): 422 if the model has no encoder of ours; else as `analyze`.
    """
    caller = service.keys.identify(request.headers)
    query = check(Similar, await read_body(service.settings, request))
    texts = [query.text, *query.candidates]
    check_sizes(texts, service.settings)
    model = service.model(query.model, caller)
    if model.encoder is None:
        raise Problem(
            422,
            "no_encoder",
            f"Model '{model.name}' has no shared encoder of xinzhi. Name another model.",
        )
    caller.spend(len(texts))
    note(request, caller, model, texts)
    plan = Plan(model, tuple(name for name in model.nlp.pipe_names if name != model.encoder))
    vectors = await run(service, request, texts, plan, embedding)
    results = rounded(rank(vectors[0], vectors[1:]), service.settings.digits)
    return reply({"model": model.label, "results": results})


def embedding(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): The mean of the vectors of a text, of length 1 (0 for an empty text)."""
    states = doc._.trf_data.model_output.last_hidden_state if len(doc) else None
    if states is None:
        return np.zeros(1)
    rows = states.get() if hasattr(states, "get") else states
    mean = np.asarray(rows, dtype=np.float64).reshape(-1, rows.shape[-1]).mean(0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


def rank(vector: np.ndarray, candidates: list[np.ndarray]) -> list[dict[str, Any]]:
    """RETURNS (list): index and score of each candidate, best first."""
    scores = [float(vector @ other) if vector.shape == other.shape else 0.0 for other in candidates]
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    return [{"index": i, "score": scores[i]} for i in order]
