"""How somebody in a call is written down where the call itself does not need to know them.

A log line never has more than `masked`. In recordings, and in what operators see, the setting DIALTONE_CALLERS decides:
`shown`, `masked` or `hashed`.
"""

import hmac
import logging
import re
from enum import StrEnum
from hashlib import sha256
from typing import Final

_KIND: Final = re.compile(r"(?:[0-9]{1,8}:(?:(?:acs|orgid|sip|visitor):)?)?(\+?)")
_IDENTITY: Final = re.compile(r"(?<![\w:/.])(?:(?:4|8|28|29):[\w+][\w.@:+-]{2,}|\+[0-9]{6,15}\b)")
_KEPT: Final = 2
_STARS_MAX: Final = 8
_HASH_CHARS: Final = 16


class Callers(StrEnum):
    """How callers are written down."""

    SHOWN = "shown"
    MASKED = "masked"
    HASHED = "hashed"

    def write(self, identity: str, key: str) -> str:
        """An identity as this setting has it; `key` is what `caller_key` makes of it."""
        if not identity or self is Callers.SHOWN:
            return identity
        return masked(identity) if self is Callers.MASKED else f"caller-{key[:_HASH_CHARS]}"


def masked(identity: str) -> str:
    """An identity with its kind and its last two characters: `4:+15550100` is `4:+********00`.

    One with fewer than five characters after its kind keeps none of them; the number of asterisks, eight at most, says
    little about its length. One that is masked already stays as it is.
    """
    head = _KIND.match(identity)
    start = head.end() if head else 0
    hidden, kept = identity[start:-_KEPT], identity[-_KEPT:]
    if len(identity) - start < 5:
        hidden, kept = identity[start:], ""
    return f"{identity[:start]}{'*' * min(len(hidden), _STARS_MAX)}{kept}"


def without_identities(text: str) -> str:
    """A text in which whatever looks like somebody's identity, or like a telephone number, is masked."""
    return _IDENTITY.sub(lambda found: masked(found[0]), text)


class IdentityFilter(logging.Filter):
    """Masks identities in all that a logger writes, tracebacks included: whoever logs cannot forget it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record; never drops one."""
        text = record.getMessage()
        told = without_identities(text)
        if told != text:
            record.msg, record.args = told, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = without_identities(logging.Formatter().formatException(record.exc_info))
        return True


def caller_key(identity: str, salt: bytes) -> str:
    """What a caller is known by where their identity is not kept: hexadecimal, the same whatever case it is written in.

    Numbers can be tried one after the other, so it is as secret as `salt` is.
    """
    return hmac.digest(salt, identity.strip().casefold().encode("utf-8", "surrogatepass"), sha256).hex()
