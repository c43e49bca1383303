"""Poison: bad requests among good ones; each gets its 4xx, the good ones their right answers.

python scripts/poison.py training/smartcity/model-best [--good 1000]
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import zlib
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import httpx
import typer
from load import ADDRESS, Verdict, ask_each, body_of
from loopback import random_text, service

JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
MEGABYTE = 2**20


class Poison(NamedTuple):
    """A bad request: its body, its headers, and the answers that are right."""

    body: bytes
    expected: set[int]
    headers: dict[str, str] = JSON


def plain(**members: Any) -> bytes:
    """RETURNS (bytes): A JSON object."""
    return json.dumps(members).encode("ascii")


def poisons() -> dict[str, Poison]:
    """RETURNS (dict): Name -> bad request."""
    form = {400, 422}
    return {
        "text is a number": Poison(plain(text=5), form),
        "text is null": Poison(plain(text=None), form),
        "text is a list": Poison(plain(text=["a"]), form),
        "texts is a string": Poison(plain(texts="a"), form),
        "texts is empty": Poison(plain(texts=[]), form),
        "texts holds an object": Poison(plain(texts=["a", {}]), form),
        "no text": Poison(plain(), form),
        "a list": Poison(b"[1]", form),
        "a string": Poison(b'"a"', form),
        "nothing": Poison(b"", form),
        "no JSON": Poison(b"{text: 1", form),
        "not a number": Poison(b'{"text": NaN}', form),
        "a huge number": Poison(b'{"text": 1e999999}', form),
        "a long integer": Poison(b'{"text": ' + b"9" * 100_000 + b"}", form),
        "an unknown member": Poison(plain(text="a", path="/etc/passwd"), form),
        "an unknown unit of offsets": Poison(plain(text="a", offsets="bytes"), form),
        "a path as model": Poison(plain(text="a", model="../../etc/passwd"), {403, 404, 422}),
        "an unknown component": Poison(plain(text="a", components=["x"]), form),
        "10 MB of text": Poison(plain(text="a" * 10 * MEGABYTE), {413}),
        "a long text": Poison(plain(text="字" * 100_000), {413, 422}),
        "many texts": Poison(plain(texts=["a"] * 10_000), {413, 422}),
        "a million numbers": Poison(b'{"texts": [' + b"1," * 1_000_000 + b"1]}", form),
        "a lone surrogate": Poison(b'{"text": "\\ud83d"}', form),
        "a null character": Poison(b'{"text": "a\\u0000b"}', form),
        "null bytes": Poison(b"\x00" * 1000, form),
        "deep lists": Poison(b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", form),
        "deep objects": Poison(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, form),
        "invalid UTF-8": Poison(b'{"text": "\xff\xfe\xc3("}', form),
        "GB18030": Poison('{"text": "智慧城市"}'.encode("gb18030"), form),
        "UTF-16": Poison('{"text": "智慧城市"}'.encode("utf-16"), form),
        "a gzip bomb": Poison(bomb(200), {413}, GZIP),
        "a gzip bomb in a gzip": Poison(gzip.compress(bomb(200)), {400, 413, 415, 422}, GZIP),
        "broken gzip": Poison(gzip.compress(plain(text="a"))[:-9] + b"x", {400}, GZIP),
        "no gzip": Poison(plain(text="a"), {400}, GZIP),
        "an unknown compression": Poison(b"a", {415}, {**JSON, "Content-Encoding": "br"}),
        "an unknown content type": Poison(b"a", {415}, {"Content-Type": "text/csv"}),
    }


def bomb(megabytes: int) -> bytes:
    """RETURNS (bytes): So many megabytes of blanks, compressed to a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b'{"text": "')]
    parts += [packer.compress(b" " * MEGABYTE) for _ in range(megabytes)]
    return b"".join([*parts, packer.compress(b'"}'), packer.flush()])


async def mix(url: str, expected: dict[str, bytes], clients: int = 16) -> tuple[Verdict, list[str]]:
    """Send good and bad requests in random order.

    url (str): Address of the service.
    expected (dict): Good text -> answer.
    clients (int): Requests at a time.
    RETURNS (tuple): Answers to the good ones; what was wrong with those to the bad ones.
    """
    verdict, wrong = Verdict(), []
    todo: list[str | tuple[str, Poison]] = [*expected, *poisons().items()]
    random.Random(0).shuffle(todo)
    left = iter(todo)

    async def client(http: httpx.AsyncClient) -> None:
        for item in left:
            if isinstance(item, str):
                answer = await http.post(ADDRESS, content=body_of(item), headers=JSON)
                verdict.add(answer.status_code, answer.content, expected[item])
            else:
                problem = await send(http, item[1])
                if problem:
                    wrong.append(f"{item[0]}: {problem}")

    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))
    return verdict, wrong


async def send(http: httpx.AsyncClient, poison: Poison) -> str:
    """RETURNS (str): What is wrong with the answer; empty if nothing."""
    try:
        response = await http.post(ADDRESS, content=poison.body, headers=poison.headers)
    except httpx.TransportError as err:  # a server may close while a large body is still coming
        return "" if 413 in poison.expected else f"{type(err).__name__} {err}"
    if response.status_code not in poison.expected:
        return f"status {response.status_code}, not {sorted(poison.expected)}"
    kind = response.headers.get("content-type", "")
    return "" if kind.startswith("application/problem+json") else f"content type {kind}"


def main(
    pipeline: Annotated[str, typer.Argument(help="The pipeline to serve")],
    good: Annotated[int, typer.Option(help="Good requests")] = 1000,
    log: Annotated[Path | None, typer.Option(help="Log of the service")] = None,
) -> None:
    """Send all, print what was wrong."""
    rng = random.Random(0)
    texts = [f"{random_text(rng, rng.randint(1, 60))}{number}" for number in range(good)]
    with service(pipeline, "--set", "precision=fp32", log=log) as url:
        expected = asyncio.run(ask_each(url, texts))
        verdict, wrong = asyncio.run(mix(url, expected))
    wrong_answers = verdict.wrong + verdict.failed.total()
    print(f"{good:,} good requests, problems: {wrong_answers or 'none'}")
    print(f"{len(poisons())} bad requests, problems: {wrong or 'none'}")
    raise typer.Exit(1 if wrong_answers or wrong else 0)


if __name__ == "__main__":
    typer.run(main)
