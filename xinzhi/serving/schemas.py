"""What requests look like, and how they are checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError
from pydantic_core import from_json

from .problems import Problem

# U+0000 is no character of a text; lone surrogates are refused when the JSON is read.
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Texts = Annotated[list[Text], FailFast()]  # or two million wrong ones give as many errors
Offsets = Literal["codepoints", "utf16"]
MOST_NAMES = 100
MOST_ERRORS = 5
MOST_MEMBERS = 100
MOST_ANSWERS = 100
MOST_TURNS = 1_000_000


class Strict(BaseModel):
    """Unknown members are refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Options(Strict):
    """What to run and what to return."""

    model: Name | None = Field(None, description="Name of the model; default: the service's")
    components: list[Name] | None = Field(
        None, max_length=MOST_NAMES, description="Components to run; default: all"
    )
    heads: list[Name] | None = Field(
        None, max_length=MOST_NAMES, description="Heads to return; default: all"
    )
    offsets: Offsets = Field("codepoints", description="Unit of start, end and length")
    alternatives: bool = Field(False, description="Next-best labels of each entity")


class One(Strict):
    """A request with one text."""

    text: Text

    @property
    def all_texts(self) -> list[str]:
        """RETURNS (list): The text."""
        return [self.text]


class Many(Strict):
    """A request with several texts."""

    texts: Texts = Field(min_length=1)

    @property
    def all_texts(self) -> list[str]:
        """RETURNS (list): The texts."""
        return self.texts


class OneText(One, Options):
    """One text."""


class ManyTexts(Many, Options):
    """Several texts."""


class Line(Strict):
    """One line of a JSON Lines body."""

    id: str | int | None = None
    text: Text


class Similar(Strict):
    """A text and what to compare it with."""

    text: Text
    candidates: Texts = Field(min_length=1)
    model: Name | None = None


class Question(Strict):
    """A question to the knowledge base."""

    text: Text
    k: int = Field(5, ge=1, le=MOST_ANSWERS, description="Most answers to give")


class Turns(Strict):
    """What the turns of a conversation have in common."""

    not_answered: int = Field(
        0, ge=0, le=MOST_TURNS, description="The turns just before that had no answer, in a row"
    )


class OneTurn(One, Turns):
    """A turn of a conversation with customer service."""


class Conversation(Many, Turns):
    """Several turns of one conversation."""


class Wish(Strict):
    """What every wish for recommendations has."""

    k: int = Field(10, ge=1, le=MOST_ANSWERS, description="Most items to give")


class ForUser(Wish):
    """Items for a user of the training."""

    user: Text


class ForLiked(Wish):
    """Items for somebody new."""

    liked: Texts = Field(min_length=1, description="Ids of items")


class ForText(Wish):
    """Items for a wish in words."""

    text: Text


class Swap(Strict):
    """The version to serve."""

    version: Name


Request = TypeVar("Request", bound=Strict)


def check(kind: type[Request], value: Any) -> Request:
    """RETURNS (Strict): The value as that kind of request.

    RAISES (Problem): 422 with what does not fit; never with the text itself.
    """
    if isinstance(value, dict) and len(value) > MOST_MEMBERS:
        raise Problem(422, "invalid_request", "The request has too many members.")
    try:
        return kind.model_validate(value)
    except ValidationError as err:
        found = err.errors(include_url=False, include_input=False, include_context=False)
        errors = [
            {"at": "/".join(str(step)[:50] for step in error["loc"]), "message": error["msg"]}
            for error in found[:MOST_ERRORS]
        ]
        raise Problem(
            422, "invalid_request", "The request does not have the documented form.", errors=errors
        ) from None


def read_json(body: bytes) -> Any:
    """RETURNS (Any): The value of a JSON text.

    RAISES (Problem): 400 if it is none: syntax, invalid UTF-8, a lone surrogate, nesting.
    """
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as err:
        raise Problem(400, "invalid_json", f"The body is not valid JSON: {err}.") from None
