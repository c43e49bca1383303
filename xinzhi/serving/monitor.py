"""`GET /monitor` and `/v1/monitor`: the dashboard of the opinion monitor, as it is now."""

from __future__ import annotations

from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from .analyze import reply, unless_gone
from .problems import Problem
from .service import Service

MOST_DAYS = 1000
YEARS = range(1900, 3000)
# The page brings its styles along; it has no script, and gets nothing from anywhere.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


async def monitor(service: Service, request: Request, as_json: bool) -> Response:
    """Answer one request.

    service (Service): The service, with a dashboard.
    request (Request): The request.
    as_json (bool): The data of the page instead of the page, which a browser may ask for with the
        key as a password.
    RETURNS (Response): HTML or JSON.
    RAISES (Problem): See `_days` and `Dashboard`.
    """
    caller = service.keys.identify(request.headers, basic=not as_json)
    caller.check_application("monitor")
    request.state.facts["key"] = caller.name
    assert service.dashboard is not None
    work = service.dashboard.read(as_json, *_days(request))
    found = await unless_gone(request.receive, work)
    if as_json:
        return reply(found)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return Response(found, media_type="text/html", headers=headers)


def _days(request: Request) -> tuple[date | None, date | None]:
    """RETURNS (tuple): What ?since=…&until=… ask for.

    RAISES (Problem): 422 for what is no day, or for more days than a page can show.
    """
    since, until = (_day(request.query_params.get(name)) for name in ("since", "until"))
    if since and until and (until - since).days >= MOST_DAYS:
        raise Problem(422, "invalid_day", f"A page shows at most {MOST_DAYS} days.")
    return since, until


def _day(given: str | None) -> date | None:
    if given is None:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        day = date.min
    if day.year not in YEARS:
        raise Problem(422, "invalid_day", "since and until are days such as 2026-11-22.")
    return day
