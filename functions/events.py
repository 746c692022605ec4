"""Events that the kit tells others: `recording.stored`, to a queue of the account or to an address.

DIALTONE_EVENTS is `queue`, for the queue `dialtone-events` of the kit's storage account, or an https address. What is
posted there is signed after Standard Webhooks: `webhook-id` is the event's id, `webhook-timestamp` the Unix seconds,
`webhook-signature` `v1,` and the base64 HMAC-SHA256 of `<id>.<timestamp>.<body>` with DIALTONE_EVENTS_KEY. Any 2xx
takes the event; anything else, or silence for ten seconds, sends it again with the next run.

Source: Standard Webhooks specification, "Webhook headers" and "Signature scheme".
"""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any, Final

from dialtone.errors import DependencyError
from dialtone.storage import EVENTS_QUEUE
from dialtone.storage.backend import Backend
from dialtone.storage.keeper import Tell

QUEUE: Final = "queue"
TIMEOUT_S: Final = 10


def teller(setting: str, key: bytes, backend: Backend, clock: Callable[[], float] = time.time) -> Tell | None:
    """What sends events as DIALTONE_EVENTS says; None where it says nothing."""
    if not setting:
        return None
    if setting == QUEUE:
        queue = backend.queue(EVENTS_QUEUE)

        async def send(event: dict[str, Any]) -> None:
            await queue.send(_text(event))

        return send

    async def post(event: dict[str, Any]) -> None:
        await _post(setting, key, event, str(int(clock())))

    return post


def signature(key: bytes, event_id: str, timestamp: str, body: str) -> str:
    """The header `webhook-signature`."""
    digest = hmac.digest(key, f"{event_id}.{timestamp}.{body}".encode(), "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


async def _post(address: str, key: bytes, event: dict[str, Any], timestamp: str) -> None:
    import aiohttp  # costs a cold start

    body, event_id = _text(event), str(event["id"])
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key, event_id, timestamp, body),
    }
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(address, data=body.encode(), headers=headers, allow_redirects=False) as reply,
        ):
            status = reply.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise DependencyError(
            f"an event could not be sent: {type(error).__name__}",
            field="DIALTONE_EVENTS",
            fix="see that the address answers within ten seconds",
        ) from error
    if not 200 <= status < 300:
        raise DependencyError(
            f"an event was answered with {status}", field="DIALTONE_EVENTS", fix="answer 2xx to an event that is taken"
        )


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
