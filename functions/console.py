"""The console of operators: its pages, and what they ask for. functions/console_door.py says who is let in.

1. Every list is bounded, and read by key from where the one before ended: nothing scans a table.
2. Whatever is looked into, listened to, downloaded or changed is written into the audit first.
3. What comes from callers and operators is JSON here, and text in the page: nothing of it becomes HTML.
"""

import json
import os
from collections.abc import Awaitable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import azure.functions as func

import dialtone
from dialtone.errors import BadMessage, BodyTooLarge, BotError, NotFound
from dialtone.gate import UPLOAD_MAX
from dialtone.privacy import Callers
from dialtone.storage import CallRecord, Storage
from dialtone.storage.ledger import Entry, is_path
from dialtone.storage.story import events_of, told
from functions import console_figures
from functions.console_door import operator, reader, switched_on, writer
from functions.http import about_call, route
from functions.recordings import keeper
from functions.settings import settings
from functions.skype_turn import turns

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

PAGE: Final = 50
LINK_S: Final = 300
"""Seconds that a link to a recording or a prompt is good for."""

BODY_MAX: Final = 4096

T = TypeVar("T")
_PAGES: Final = Path(__file__).parent / "pages"
_LOOK: Final = Path(dialtone.__file__).parent / "look.css"
"""Colours, which the simulator's phone has too."""
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@route(blueprint, "console", "GET", verifier=switched_on)
async def console(req: func.HttpRequest) -> func.HttpResponse:
    """GET /api/console: the console's page."""
    return _page("console.html")


@route(blueprint, "console/pages/{file}", "GET", verifier=switched_on)
async def console_pages(req: func.HttpRequest) -> func.HttpResponse:
    """A script, a style or a picture of the page."""
    return _page(req.route_params.get("file", ""))


@route(blueprint, "console/api/session", "GET", verifier=switched_on)
async def console_session(req: func.HttpRequest) -> func.HttpResponse:
    """How the page is to sign in: the mode (`entra` or `loopback`), the authority, the app."""
    current = settings()
    return _json({"mode": current.console, "authority": current.console_authority, "app": current.console_app})


@route(blueprint, "console/api/me", "GET", verifier=reader)
async def console_me(req: func.HttpRequest) -> func.HttpResponse:
    """Who is signed in, and what they may do."""
    return _json(asdict(operator()))


@route(blueprint, "console/api/calls", "GET", verifier=reader)
async def console_calls(req: func.HttpRequest) -> func.HttpResponse:
    """Calls: `day`, `outcome`, `caller`, `before` (Unix seconds) and `after`, the place where the last page ended."""
    before = req.params.get("before", "")
    search = _storage().calls.search(
        day=req.params.get("day", ""),
        caller=req.params.get("caller", ""),
        outcome=req.params.get("outcome", ""),
        before=_number(before, "before") if before else None,
        after=req.params.get("after", ""),
        limit=PAGE,
    )
    page = await _done(search)
    return _json({"calls": [await _call(record) for record in page.records], "next": page.next})


@route(blueprint, "console/api/call", "GET", verifier=reader)
async def console_call(req: func.HttpRequest) -> func.HttpResponse:
    """One call's timeline and recordings, by its `id`."""
    call_id, storage = req.params.get("id", ""), _storage()
    about_call(call_id)
    events = await events_of(storage.calls, storage.recordings, call_id)
    if not events:
        raise NotFound("no call has this id", field="id", code="CALL_UNKNOWN", fix="take one from the list of calls")
    await storage.audit.write(operator().who, "call.view", call_id)
    events[0]["caller"] = await _caller(str(events[0]["caller"]))
    entries = await console_figures.recordings_of(storage, float(events[0]["at"]), call_id)
    return _json(
        {
            "call_id": call_id,
            "events": [event | {"told": told(event)} for event in events],
            "recordings": [_entry(entry) for entry in entries],
        }
    )


@route(blueprint, "console/api/recordings", "GET", verifier=reader)
async def console_recordings(req: func.HttpRequest) -> func.HttpResponse:
    """The recordings of a `day`, and those `after` a path."""
    after = req.params.get("after", "")
    entries = await _storage().ledger.of_day(_day(req), limit=PAGE, after=_path(after) if after else "")
    last = entries[-1].path if len(entries) == PAGE else ""
    return _json({"recordings": [_entry(entry) for entry in entries], "next": last})


@route(blueprint, "console/api/recordings/link", "POST", verifier=reader)
async def console_link(req: func.HttpRequest) -> func.HttpResponse:
    """A short link to the recording at `path`, to `listen` to it or to `download` it, as `purpose` says."""
    asked, storage = _body(req), _storage()
    path, purpose = _path(asked.get("path", "")), asked.get("purpose", "listen")
    if purpose not in ("listen", "download"):
        raise BadMessage("there is no such purpose", field="purpose", code="PURPOSE", fix="use listen or download")
    entry = await storage.ledger.get(path)
    if entry is None or not entry.state.is_there:
        raise NotFound("there is no such recording", field="path", fix="take one from the list of recordings")
    await storage.audit.write(operator().who, f"recording.{purpose}", path, call=entry.call_id)
    return _json({"url": await storage.recordings.link(path, LINK_S, download=purpose == "download")})


@route(blueprint, "console/api/recordings", "DELETE", verifier=writer)
async def console_delete_recording(req: func.HttpRequest) -> func.HttpResponse:
    """Delete the recording at `path`; one under a legal hold is refused. `left` says why its copy in the archive is."""
    path = _path(req.params.get("path", ""))
    await _storage().audit.write(operator().who, "recording.delete", path)
    left = await keeper().delete(path)
    if left is None:
        raise NotFound(
            "there is no such recording, or a legal hold keeps it", field="path", fix="release the hold, then delete it"
        )
    return _json({"deleted": path, "left": left})


@route(blueprint, "console/api/prompts", "GET", verifier=reader)
async def console_prompts(req: func.HttpRequest) -> func.HttpResponse:
    """What callers hear, what was refused and why, and what is missing or unused for this bot."""
    return _json(await console_figures.prompts(turns()))


@route(blueprint, "console/api/prompts/versions", "GET", verifier=reader)
async def console_versions(req: func.HttpRequest) -> func.HttpResponse:
    """The versions of the prompt `slot`, the newest first."""
    found = await _storage().prompts.versions(req.params.get("slot", ""))
    return _json({"versions": [asdict(version) for version in found]})


@route(blueprint, "console/api/prompts/preview", "POST", verifier=reader)
async def console_preview(req: func.HttpRequest) -> func.HttpResponse:
    """What the `version` of `slot` sounds like: a short link, or the text."""
    asked, prompts = _body(req), _storage().prompts
    slot, version = str(asked.get("slot", "")), str(asked.get("version", ""))
    data = await _done(prompts.read(slot, version))
    if version.endswith(".wav"):
        return _json({"url": await prompts.preview(slot, version, LINK_S)})
    return _json({"text": data.decode()})


@route(blueprint, "console/api/prompts", "PUT", verifier=writer)
async def console_upload(req: func.HttpRequest) -> func.HttpResponse:
    """Judge the body as the prompt `file`, and let it go live; 400 with the reason and the fix when it is refused."""
    data, file = req.get_body(), req.params.get("file", "")
    if len(data) > UPLOAD_MAX:
        raise BodyTooLarge(
            f"the file has {len(data)} bytes, {UPLOAD_MAX} are read", fix="save it as WAV at 16 kHz, mono"
        )
    who = operator().who
    await _storage().audit.write(who, "prompt.upload", file[:200], bytes=len(data))
    return _json(asdict(await _done(_storage().prompts.put(file, data, by=who))))


@route(blueprint, "console/api/prompts/rollback", "POST", verifier=writer)
async def console_rollback(req: func.HttpRequest) -> func.HttpResponse:
    """Play the `version` of `slot` again."""
    asked, who = _body(req), operator().who
    slot, version = str(asked.get("slot", "")), str(asked.get("version", ""))
    await _storage().audit.write(who, "prompt.rollback", slot[:200], version=version[:100])
    return _json(asdict(await _done(_storage().prompts.roll_back(slot, version, by=who))))


@route(blueprint, "console/api/prompts", "DELETE", verifier=writer)
async def console_remove_prompt(req: func.HttpRequest) -> func.HttpResponse:
    """Remove the prompt `slot`: the bot speaks its own text."""
    slot = req.params.get("slot", "")
    await _storage().audit.write(operator().who, "prompt.remove", slot[:200])
    if not await _storage().prompts.remove(slot):
        raise NotFound("there is no such prompt", field="slot", fix="take one from the list of prompts")
    return _json({"removed": slot})


@route(blueprint, "console/api/health", "GET", verifier=reader)
async def console_health(req: func.HttpRequest) -> func.HttpResponse:
    """The checks of `dialtone doctor`, from within."""
    from functions.diagnosis import diagnose  # the verifiers of tokens and certificates cost a cold start

    return _json({"findings": [asdict(finding) async for finding in diagnose(dict(os.environ))]})


@route(blueprint, "console/api/figures", "GET", verifier=reader)
async def console_day(req: func.HttpRequest) -> func.HttpResponse:
    """Figures of the latest calls of a `day`."""
    return _json(await console_figures.figures(turns(), _day(req)))


@route(blueprint, "console/api/flow", "GET", verifier=reader)
async def console_flow(req: func.HttpRequest) -> func.HttpResponse:
    """The flow of the bot as a picture, with how often each outcome was taken on a `day`."""
    picture = await console_figures.flow_picture(turns(), _day(req))
    return func.HttpResponse(picture, mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})


@route(blueprint, "console/api/audit", "GET", verifier=reader)
async def console_audit(req: func.HttpRequest) -> func.HttpResponse:
    """What was done on a `day`, the latest first, and what is `after` the deed of this id."""
    deeds = await _storage().audit.of_day(_day(req), limit=PAGE, after=req.params.get("after", "")[:100])
    return _json({"deeds": [asdict(deed) for deed in deeds], "next": deeds[-1].id if len(deeds) == PAGE else ""})


def _storage() -> Storage:
    return turns().storage


@cache
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (_LOOK, *_PAGES.iterdir()) if path.suffix in _TYPES}


def _page(name: str) -> func.HttpResponse:
    content = _files().get(name)
    if content is None:
        raise NotFound("the console has no such file", field="file", fix="begin at /api/console")
    headers = {
        "Content-Security-Policy": _policy(),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    # The whole type: a mimetype alone would lose the charset.
    return func.HttpResponse(content, headers=headers, mimetype=_TYPES[Path(name).suffix])


@cache
def _policy() -> str:
    """The page runs its own scripts, asks its own functions and the sign-in, and plays sound from the storage."""
    parts = urlsplit(settings().console_authority)
    sign_in = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            f"media-src {turns().storage.backend.links_from}",
            f"connect-src 'self'{sign_in}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _json(document: dict[str, Any]) -> func.HttpResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    text = json.dumps(document, ensure_ascii=False)
    return func.HttpResponse(text, headers=headers, mimetype="application/json")


async def _done(work: Awaitable[T]) -> T:
    """What comes of what the page asks; what is wrong with it is for the page to mend (400)."""
    try:
        return await work
    except BotError as refused:
        raise BadMessage(refused.message, field=refused.field, code=refused.code, fix=refused.fix) from None


async def _call(record: CallRecord) -> dict[str, Any]:
    return asdict(record) | {"caller": await _caller(record.caller)}


async def _caller(identity: str) -> str:
    """A caller as DIALTONE_CALLERS lets operators see them."""
    callers = settings().callers
    key = await _storage().ledger.caller_key(identity) if callers is Callers.HASHED else ""
    written: str = callers.write(identity, key)
    return written


def _entry(entry: Entry) -> dict[str, Any]:
    names = ("path", "call_id", "caller", "seconds", "format", "started", "fault", "consent", "size", "hold")
    return {name: getattr(entry, name) for name in names} | {"state": str(entry.state)}


def _day(request: func.HttpRequest) -> str:
    day: str = request.params.get("day", "")
    if len(day) != 8 or not day.isdecimal() or not day.isascii():
        raise BadMessage("a day is eight digits", field="day", code="DAY_FORMAT", fix="write it as yyyymmdd")
    return day


def _path(path: Any) -> str:
    if not isinstance(path, str) or not is_path(path):
        raise BadMessage("this is no path of a recording", field="path", code="PATH", fix="take one from the list")
    return path


def _number(text: str, field: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadMessage("it is no number", field=field, code="NUMBER", fix="write Unix seconds") from None


def _body(request: func.HttpRequest) -> dict[str, Any]:
    data = request.get_body()
    try:
        found = json.loads(data) if len(data) <= BODY_MAX else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadMessage("the body is no JSON object", code="NOT_JSON", fix="post what the console's page posts")
    return found
