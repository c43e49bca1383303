"""API keys: making one, recognising one in constant time, counting what it uses."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from starlette.datastructures import Headers

from .problems import Problem
from .settings import ApiKey

# Fast hashing is right here: a key is 256 random bits, nothing that could be guessed.
KEY_BYTES = 32
BASIC = 'Basic realm="xinzhi: the password is an API key", charset="UTF-8"'


def new_key() -> tuple[str, str]:
    """RETURNS (tuple): A new key, and the hex digest to put into the settings."""
    key = f"xz_{secrets.token_urlsafe(KEY_BYTES)}"
    return key, digest_of(key)


def digest_of(key: str) -> str:
    """RETURNS (str): The hex SHA-256 of a key."""
    return hashlib.sha256(key.encode("utf8", "surrogateescape")).hexdigest()


@dataclass
class TokenBucket:
    """A limit per minute that lets a burst of a minute's worth through.

    per_minute (int): The limit; None: no limit.
    clock (Callable): The time in seconds.
    """

    per_minute: int | None
    clock: Callable[[], float] = time.monotonic
    _level: float = field(init=False, default=0.0)
    _time: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._level = float(self.per_minute or 0)
        self._time = self.clock()

    def wait_for(self, n: int) -> float:
        """Take n if they are there.

        RETURNS (float): 0.0 if they were; else after how many seconds they will be; infinity if
            that many never are.
        """
        if self.per_minute is None:
            return 0.0
        if n > self.per_minute:
            return math.inf
        now = self.clock()
        refill = (now - self._time) * self.per_minute / 60
        self._level, self._time = min(self.per_minute, self._level + refill), now
        if n <= self._level:
            self._level -= n
            return 0.0
        return (n - self._level) * 60 / self.per_minute


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    name (str): Of the key; "" without one.
    models (frozenset): The models it may use; None: all.
    admin (bool): Whether it may change versions.
    applications (frozenset): Those it may use; None: all.
    bucket (TokenBucket): Its limit.
    """

    name: str
    models: frozenset[str] | None
    admin: bool
    applications: frozenset[str] | None
    bucket: TokenBucket

    def may_use(self, model: str) -> bool:
        """RETURNS (bool): Whether a model is open to it."""
        return self.models is None or model in self.models

    def check_application(self, name: str) -> None:
        """RAISES (Problem): 403 unless that application is open to it."""
        if not self.may_open(name):
            raise Problem(403, "application_forbidden", "This key does not open that.")

    def may_open(self, application: str) -> bool:
        """RETURNS (bool): Whether an application is open to it."""
        return self.applications is None or application in self.applications

    def spend(self, texts: int) -> None:
        """Count texts against the limit.

        RAISES (Problem): 429 if it is used up; 413 if the request is larger than the limit.
        """
        seconds = self.bucket.wait_for(texts)
        if seconds == math.inf:
            raise Problem(
                413,
                "over_rate_limit",
                f"{texts} texts at once are more than this key may send in a minute. Send fewer.",
            )
        if seconds > 0:
            raise Problem(
                429,
                "rate_limited",
                "This key has used up its texts per minute. Wait as Retry-After says.",
                headers={"Retry-After": str(math.ceil(seconds))},
            )


ANYONE = Caller("", None, admin=False, applications=None, bucket=TokenBucket(None))


class Keyring:
    """The keys of a service; without any, everybody may call (but not administrate).

    keys (Iterable[ApiKey]): The keys.
    """

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._callers = [(key.sha256, _to_caller(key)) for key in keys]

    def __len__(self) -> int:
        return len(self._callers)

    def identify(self, headers: Headers, basic: bool = False) -> Caller:
        """Find out who calls, from `Authorization: Bearer KEY` or `X-API-Key: KEY`. Every key is
        compared, whether one has matched or not, and in constant time.

        headers (Headers): Of the request.
        basic (bool): Whether the key may also be a password that a browser has asked for. Browsers
            send that along with what other sites make them ask for: only for pages to read.
        RETURNS (Caller): Who it is.
        RAISES (Problem): 401 without a valid key.
        """
        if not self._callers:
            return ANYONE
        digest = digest_of(_presented(headers, basic))
        found = None
        for known, caller in self._callers:
            if hmac.compare_digest(digest, known):
                found = caller
        if found is None:
            raise Problem(
                401,
                "unauthorized",
                "The API key is missing or wrong. Send it as 'Authorization: Bearer KEY'.",
                headers={"WWW-Authenticate": BASIC if basic else "Bearer"},
            )
        return found


def _to_caller(key: ApiKey) -> Caller:
    models = None if "*" in key.models else frozenset(key.models)
    chosen = key.applications
    if chosen is None:
        applications = None if models is None else frozenset[str]()
    else:
        applications = frozenset(chosen)
    return Caller(key.name, models, key.admin, applications, TokenBucket(key.texts_per_minute))


def _presented(headers: Headers, basic: bool) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if basic and scheme.lower() == "basic":
        return _password(token)
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _password(token: str) -> str:
    """RETURNS (str): The password of basic authentication (RFC 7617); any name goes with it."""
    try:
        pair = base64.b64decode(token, validate=True).decode("utf8")
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(":")[2]
