"""Serves the phone's page, and connects it with lines.

1. Only the page of this machine may be connected. The host that the browser names has to be this machine, so no other
   site's name will do; the origin has to be that host; and the page has to show the token of this run, which only it
   was given: it is in the page, and no other site can read that.
2. The page may load nothing but its own files (Content-Security-Policy), and be in no frame.
"""

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from dialtone import protocol
from simulator.guard import Refused, headers_of, own_host
from simulator.lab import Bot
from simulator.phone.caller import Ears
from simulator.phone.session import Receive, Send, Session

PROTOCOL: Final = "dialtone.phone"
"""The WebSocket's subprotocol; the page offers the token beside it."""
_PAGE: Final = Path(__file__).parent / "page"
_LOOK: Final = Path(protocol.__file__).parents[1] / "look.css"
"""Colours, which the functions' console has too."""
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws://{host}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Exchange:
    """The phones of one simulator, which rings `bot`; without `ears` no speech is recognised."""

    session = Session

    def __init__(self, bot: Bot, ears: Ears | None) -> None:
        self._bot = bot
        self._token = secrets.token_urlsafe(24)
        self._ears = ears

    async def page(self, scope: Mapping[str, Any], host: str, send: Send) -> None:
        """Serve a file of the page, `host` being who was asked. Raises `Refused` for one that is not there."""
        path: str = scope["path"]
        if path == "/phone":
            await send({"type": "http.response.start", "status": 308, "headers": [(b"location", b"/phone/")]})
            await send({"type": "http.response.body", "body": b""})
            return
        name = path.removeprefix("/phone/") or "index.html"
        if scope["method"] not in ("GET", "HEAD") or name not in _files():
            raise Refused(404, "NOT_FOUND", f"{scope['method']} {path} is not served", "path", "open /phone/")
        body = _files()[name]
        if name == "index.html":
            text = body.decode().replace("{{token}}", self._token).replace("{{bot}}", escape(self._bot.url))
            body = text.encode()
        headers = {
            "content-type": _TYPES[Path(name).suffix],
            "content-length": str(len(body)),
            "content-security-policy": _POLICY.format(host=host),
            "permissions-policy": "microphone=(self), camera=(self)",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }
        encoded = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})

    async def connect(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Connect a page. One that rule 1 does not let in is refused before the connection is made."""
        await receive()
        try:
            host = own_host(scope)
            headers = headers_of(scope)
            offered = [part.strip() for part in headers.get("sec-websocket-protocol", "").split(",")]
            known = len(offered) == 2 and offered[0] == PROTOCOL and hmac.compare_digest(offered[1], self._token)
            if scope["path"] != "/phone/line" or headers.get("origin") != f"http://{host}" or not known:
                raise Refused(403, "TOKEN", "the page is not of this run", "Sec-WebSocket-Protocol", "load it again")
        except Refused:
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        session = self.session(self._bot, self._ears)
        try:
            await session.serve(receive, send)
        finally:
            # The bot is told that the caller is gone, though the page is.
            await asyncio.gather(*session.calls, return_exceptions=True)


def _files() -> dict[str, bytes]:
    """The page's files by their names. Read each time: whoever changes them wants to see it."""
    return {path.name: path.read_bytes() for path in (_LOOK, *_PAGE.iterdir()) if path.suffix in _TYPES}
