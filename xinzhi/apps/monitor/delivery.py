"""Alarms to a console, a JSON Lines file or a webhook: each alarm to each target once."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ...errors import XinzhiError
from .alarms import Alarm
from .database import Database

SIGNATURE = "X-Xinzhi-Signature"
TIMESTAMP = "X-Xinzhi-Timestamp"
SECONDS = 10.0  # to wait for an answer
TRIES = 4
FIRST_WAIT = 1.0  # seconds, doubled after every try
PASSING = {408, 425, 429}  # and 5xx: worth another try


class Target(Protocol):
    """Where alarms go. `name` tells it from others in the table `deliveries`."""

    @property
    def name(self) -> str: ...

    def send(self, alarm: Alarm) -> None:
        """Send one alarm.

        RAISES (XinzhiError): If it did not arrive.
        """
        ...


@dataclass(frozen=True)
class ConsoleTarget:
    """Lines for people.

    write (Callable): Takes a text.
    """

    write: Callable[[str], None]
    name: str = "console"

    def send(self, alarm: Alarm) -> None:
        self.write(describe(alarm))


@dataclass(frozen=True)
class FileTarget:
    """A JSON Lines file; alarms are appended.

    path (Path): The file.
    """

    path: Path

    @property
    def name(self) -> str:
        return f"file:{self.path}"

    def send(self, alarm: Alarm) -> None:
        line = json.dumps(alarm.to_dict(), ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf8") as file:
                file.write(line)
        except OSError as err:
            raise XinzhiError(
                f"{self.path} cannot be written: {err.strerror}.", "Name another file."
            ) from err


@dataclass(frozen=True)
class WebhookTarget:
    """An HTTP address that takes a JSON object by POST.

    With a secret, the header X-Xinzhi-Signature is "sha256=" and the HMAC-SHA-256, in hex, of the
    value of X-Xinzhi-Timestamp (Unix seconds), a full stop, and the body. Idempotency-Key is the
    id of the alarm: an answer that gets lost makes the alarm come again.

    url (str): The address, http or https.
    secret (str): Known to sender and receiver; "": no signature.
    wait (float): Seconds before the second try; each further one waits twice as long.
    """

    url: str
    secret: str = ""
    wait: float = FIRST_WAIT

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise XinzhiError(f"{self.url!r} is no address of a webhook.", "Use https://…")

    @property
    def name(self) -> str:
        """RETURNS (str): The address without what may be secret in it."""
        parts = urlsplit(self.url)
        return f"webhook:{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"

    def send(self, alarm: Alarm) -> None:
        body = json.dumps(alarm.to_dict(), ensure_ascii=False).encode("utf8")
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(self.wait * 2 ** (attempt - 1))
            reason, passing = self._post(body, alarm.id)
            if not reason:
                return
            if not passing:
                break
        raise XinzhiError(
            f"Alarm {alarm.id} did not reach {self.name}: {reason}.",
            "It is kept, and sent again with the next run.",
        )

    def _post(self, body: bytes, identity: str) -> tuple[str, bool]:
        """RETURNS (tuple): What went wrong ("" if nothing did), and whether it may pass."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": identity}
        headers |= sign(body, self.secret, int(time.time())) if self.secret else {}
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):
                return "", False
        except urllib.error.HTTPError as err:
            with err:
                return f"HTTP {err.code} {err.reason}", err.code >= 500 or err.code in PASSING
        except (OSError, ValueError) as err:
            return str(getattr(err, "reason", err)), True


def sign(body: bytes, secret: str, timestamp: int) -> dict[str, str]:
    """RETURNS (dict): The headers that let a receiver check who sent a body, and when."""
    content = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode("utf8"), content, hashlib.sha256).hexdigest()
    return {TIMESTAMP: str(timestamp), SIGNATURE: f"sha256={digest}"}


def deliver(database: Database, alarms: Iterable[Alarm], targets: Iterable[Target]) -> list[str]:
    """Send the alarms that a target has not had. What fails is sent again by the next call.

    database (Database): Open for writing.
    alarms (Iterable[Alarm]): Alarms, as from `update_alarms`.
    targets (Iterable[Target]): Where they go.
    RETURNS (list[str]): What could not be sent, and why.
    """
    waiting, failures = list(alarms), []
    for target in targets:
        sent = {
            row[0]
            for row in database.rows(
                "SELECT alarm_id FROM deliveries WHERE target = ?", target.name
            )
        }
        for alarm in waiting:
            if alarm.id in sent:
                continue
            try:
                target.send(alarm)
            except XinzhiError as err:
                failures.append(str(err))
                continue
            now = datetime.now(timezone.utc).replace(tzinfo=None)
            database.rows(
                "INSERT INTO deliveries VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                *(alarm.id, target.name, now),
            )
    return failures


def describe(alarm: Alarm) -> str:
    """RETURNS (str): An alarm with its evidence, in a few lines."""
    evidence = alarm.evidence
    share = [
        "?" if evidence["share"][key] is None else f"{evidence['share'][key]:.0%}"
        for key in ("surge", "before")
    ]
    entities = ", ".join(f"{item['text']} ({item['posts']})" for item in evidence["entities"])
    lines = [
        f"{alarm.raised_at:%Y-%m-%d %H:%M}  {alarm.sentiment} surge: {alarm.name}  [{alarm.id}]",
        f"  {alarm.observed} texts in {alarm.window_hours} hours, {alarm.expected:.2f} expected, "
        f"p = {alarm.p_value:.1e}; from {alarm.started_at:%m-%d %H:%M} to "
        f"{alarm.last_at:%m-%d %H:%M}, {len(evidence['posts'])} texts",
        f"  {alarm.sentiment}: {share[0]} of the texts, {share[1]} before",
        f"  entities: {entities or '-'}",
        *(f"  · {_short(item)}" for item in evidence["texts"][:3]),
    ]
    return "\n".join(lines)


def _short(item: dict[str, object]) -> str:
    text = str(item["text"]).replace("\n", " ")
    copies = f" (and {int(str(item['copies'])) - 1} like it)" if item["copies"] != 1 else ""
    return (text if len(text) <= 60 else text[:59] + "…") + copies
