"""The ticket that opens a media stream.

A media URL travels through the platform, so whoever learns it could listen to the call and speak in it. It
therefore carries a ticket which is bound to one call and dies soon:

    <expiry>.<signature>

1. `expiry` is a Unix time in whole seconds. A ticket is good until that second begins.
2. `signature` is HMAC-SHA256 over "<expiry>.<call id>", in base64url without padding.
3. One text is one ticket: leading zeros, padding and other spellings of the same bytes are refused.

A ticket is not used up by opening a stream: the platform opens the same URL again when a connection breaks.

Where a platform is given one URL for all streams of a call, before it is known which there will be, the ticket is a
standing one, of the same form: it proves that the URL is ours, and opens a stream only of a handler that the functions
name when they are asked (`GET /api/calls/{id}/stream`). It signs "standing <expiry>.<call id>", so that neither kind is
taken for the other.
"""

import base64
import binascii
import hashlib
import hmac

MIN_KEY_BYTES = 32
"""The shortest key allowed: the output size of SHA-256 (RFC 2104, section 3)."""


class TicketError(ValueError):
    """The ticket does not open this call's stream. The text says why and holds no part of the ticket."""


def load_key(text: str) -> bytes:
    """Read a key from its setting: base64 of at least 32 bytes.

    Raises ValueError, whose text holds no part of the key.
    """
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"it has {len(key)} bytes; at least {MIN_KEY_BYTES} are needed")
    return key


def sign(key: bytes, call_id: str, expiry: int, *, standing: bool = False) -> str:
    """Return the ticket that opens the stream of `call_id` until the Unix time `expiry`, or a standing one."""
    text = f"{'standing ' if standing else ''}{expiry}.{call_id}"
    signature = hmac.digest(key, text.encode(), hashlib.sha256)
    return f"{expiry}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def verify(key: bytes, ticket: str, call_id: str, now: float, *, standing: bool = False) -> None:
    """Return if `ticket` opens the stream of `call_id` at the Unix time `now`, or is a standing one; else raise
    TicketError.
    """
    expiry, _, signature = ticket.partition(".")
    if not (ticket.isascii() and expiry.isdigit() and len(expiry) <= 12 and signature):
        raise TicketError("the ticket is malformed")
    if not hmac.compare_digest(ticket, sign(key, call_id, int(expiry), standing=standing)):
        raise TicketError("the ticket was not signed for this call")
    if now >= int(expiry):
        raise TicketError("the ticket has expired")


def expiry(ticket: str) -> int:
    """The Unix time from which on `ticket` opens nothing; 0 of a text that is no ticket."""
    text = ticket.partition(".")[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
