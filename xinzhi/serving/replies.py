"""What answers look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ModelLabel(BaseModel):
    """Which model gave an answer. An answer never mixes versions."""

    name: str
    version: str


class SpanReply(BaseModel):
    """A span of a span group."""

    start: int
    end: int
    label: str
    text: str
    confidence: float | None = None


class EntityReply(SpanReply):
    """An entity. `text[start:end]`, end exclusive."""

    id: str | None = Field(None, description="Id of the pattern that found it")
    alternatives: list[tuple[str, float]] | None = Field(
        None, description="Next-best labels with their probability"
    )


class Result(BaseModel):
    """What the model says of one text."""

    length: int = Field(description="Of the text, in the unit of the offsets")
    entities: list[EntityReply]
    heads: dict[str, dict[str, float]] = Field(description="head -> label -> probability")
    cats: dict[str, float] = Field(description="The same as spaCy's doc.cats")
    scores: dict[str, Any]
    abstained: dict[str, Any] = Field(description="Why a decision should not be relied on")
    decisions: dict[str, Any] = Field(description="head -> its label, or its true labels")
    answers: list[Any]
    spans: dict[str, list[SpanReply]]


class AnalyzeReply(BaseModel):
    """One result for each text, in order."""

    model: ModelLabel
    results: list[Result]


class SimilarResult(BaseModel):
    """One candidate."""

    index: int
    score: float = Field(description="Cosine similarity, -1 to 1")


class SimilarReply(BaseModel):
    """The candidates, most similar first."""

    model: ModelLabel
    results: list[SimilarResult]


class FaqAnswer(BaseModel):
    """An entry that may answer the question."""

    id: str
    question: str
    answer: str
    intent: str
    probability: float


class FaqReply(BaseModel):
    """What the knowledge base says."""

    decision: Literal["answer", "clarify", "none"] = Field(
        description="The first answer is it; the first two are close; there is none"
    )
    answers: list[FaqAnswer] = Field(description="The likeliest first, whatever the decision")
    none: float = Field(description="Probability that no entry answers the question")


class LabelReply(BaseModel):
    """A label and its probability."""

    label: str
    probability: float


class OutcomeReply(BaseModel):
    """What a turn says and what to do."""

    text: str
    intent: LabelReply | None
    sentiment: LabelReply | None
    entities: list[EntityReply]
    reply: FaqReply = Field(description="What the knowledge base says, with the best answers")
    route: Literal["answer", "clarify", "person"] = Field(description="What to do")
    urgent: bool = Field(description="A person should look at it at once")
    rule: str = Field(description="Name of the rule that decided")
    say: str = Field(description="What to say to the user")


class DeskReply(BaseModel):
    """One outcome for each turn, in order."""

    model: ModelLabel | None
    outcomes: list[OutcomeReply]


class RecommendedItem(BaseModel):
    """An item, and the probability that the user likes it, among the candidates."""

    id: str
    text: str
    probability: float


class RecommendReply(BaseModel):
    """The items, the best first, none that the user knows."""

    items: list[RecommendedItem]


class ModelReply(BaseModel):
    """What a model is and can do."""

    model: ModelLabel
    versions: list[str]
    meta: dict[str, Any]
    components: list[str]
    labels: dict[str, list[str]]
    heads: dict[str, list[str]]
    thresholds: dict[str, Any]
    similar: bool
    limits: dict[str, float]
    libraries: dict[str, str]


class ModelEntry(ModelLabel):
    """A model in the list."""

    versions: list[str]


class ModelsReply(BaseModel):
    """The models that the caller may use."""

    models: list[ModelEntry]
    applications: list[str] = Field(description="Those that are there and open to the caller")


class SwapReply(BaseModel):
    """What is served from now on."""

    model: ModelLabel


class Status(BaseModel):
    """The state of a worker."""

    status: str


class ProblemReply(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="A fixed name for programs")
