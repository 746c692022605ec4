"""HTTP at the edge: the one way to register a route, who may call it, and how errors are answered.

1. A route cannot be registered without a verifier.
2. An error is answered as `{"error": {"code", "message", "field", "fix"}}`, and `call_id` where it is known, with the
   status that its class has; what is not ours is a 500 without details. 503 asks the platform to try again.
3. Each log line of a request carries its call id; nothing that a caller said, typed or dialled is logged, and who is
   in the call is masked.
"""

import atexit
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, Literal

import azure.functions as func

from dialtone import telemetry
from dialtone.errors import BadMessage, BodyTooLarge, DialtoneError
from dialtone.privacy import IdentityFilter
from functions.verify import Verifier, host_asks_for_key, platform

log: Final = logging.getLogger("dialtone")
call_id: ContextVar[str] = ContextVar("call_id", default="-")
"""The call that is being worked on; set by `about_call`."""

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]
Method = Literal["GET", "POST", "PUT", "DELETE", "OPTIONS"]


def about_call(call: str) -> None:
    """From here on, log lines of this task are about this call. Ids are made safe for a line of text."""
    call_id.set("".join(character if character.isprintable() else "?" for character in call[:128]))


class CallIdFilter(logging.Filter):
    """Puts the call id into each record, as `call_id` and at the head of the message."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record; never drops one."""
        if "call_id" not in record.__dict__:
            current = call_id.get()
            record.__dict__["call_id"] = current
            if telemetry.is_on() and current != "-":
                record.__dict__["trace_id"] = f"{telemetry.trace_of(current):032x}"
            record.msg = f"[call %s] {record.msg}"
            record.args = (current, *(record.args if isinstance(record.args, tuple) else ()))
        return True


log.addFilter(CallIdFilter())
log.addFilter(IdentityFilter())


def tell(service: str) -> None:
    """Begin to tell traces and metrics, if the environment names a collector."""
    try:
        if telemetry.start(service):
            atexit.register(telemetry.stop)
    except ModuleNotFoundError as missing:
        log.error("a collector is named, and %s is not installed: install dialtone[telemetry]", missing.name)


def route(
    blueprint: func.Blueprint, path: str, method: Method, *, verifier: Verifier
) -> Callable[[Handler], Callable[..., Any]]:
    """Register a handler at `/api/<path>`, which is asked only what `verifier` has let through. Rules 1 to 3."""
    # The host checks the key before we are asked; local hosts do not enforce keys.
    keyed = verifier is platform and host_asks_for_key()
    level = func.AuthLevel.FUNCTION if keyed else func.AuthLevel.ANONYMOUS

    def register(handler: Handler) -> Callable[..., Any]:
        @wraps(handler)
        async def handle(req: func.HttpRequest) -> func.HttpResponse:
            token = call_id.set("-")
            try:
                await verifier(req)
                return await handler(req)
            except DialtoneError as error:
                if isinstance(error, BadMessage) and error.call_id:
                    about_call(error.call_id)
                _log(error)
                return error_response(error)
            except Exception:
                log.exception("the request failed")
                return error_response(DialtoneError("something went wrong here", code="INTERNAL", fix="see the log"))
            finally:
                call_id.reset(token)

        handle.__annotations__ = {"req": func.HttpRequest, "return": func.HttpResponse}
        del handle.__wrapped__  # the worker would read the handler's own signature
        return blueprint.route(route=path, methods=[method], auth_level=level)(handle)  # type: ignore[no-any-return]

    return register


EVENTS_MAX: Final = 1024 * 1024
"""Bytes of a body of events: Event Grid's limit, and ours for the events and notices of calls."""


def events_body(request: func.HttpRequest) -> bytes:
    """The body of a request that posts events. Raises `BodyTooLarge` for more than EVENTS_MAX bytes."""
    body = request.get_body()
    if len(body) > EVENTS_MAX:
        raise BodyTooLarge(f"the body has {len(body)} bytes, {EVENTS_MAX} are allowed", fix="post fewer events at once")
    return body


def error_response(error: DialtoneError) -> func.HttpResponse:
    """What an error is answered with. Rule 2."""
    # RFC 9110: a 401 says what would do; here that is the platform's token.
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else {}
    body = {"code": error.code, "message": error.message, "field": error.field, "fix": error.fix}
    if (current := call_id.get()) != "-":
        body["call_id"] = current
    return func.HttpResponse(
        json.dumps({"error": body}), status_code=error.http_status, headers=headers, mimetype="application/json"
    )


refused: Counter[str] = Counter()
"""How many requests this process has refused because of who sent them (401 and 403), by the code of the error."""


def _log(error: DialtoneError) -> None:
    if error.http_status in (401, 403):
        refused[error.code] += 1
        log.warning(
            "%d %s: %s %s (%d so far)", error.http_status, error.code, error.field, error.message, refused[error.code]
        )
        return
    level = logging.WARNING if error.http_status < 500 else logging.ERROR
    log.log(level, "%d %s: %s %s. Fix: %s", error.http_status, error.code, error.field, error.message, error.fix)
