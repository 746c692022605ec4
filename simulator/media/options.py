"""What a bot asks of a media stream, and what a test makes go wrong with it.

The options are ACS's `mediaStreamingOptions`; in Skype's answerAppHostedMedia the same members stand in
`mediaConfiguration`, which the contract leaves to the media library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

_RATES: Final = {"pcm16kmono": 16_000, "pcm24kmono": 24_000}


class OptionsError(ValueError):
    """Options that no stream can be opened by. The text names the member."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Where a stream goes and what it carries."""

    url: str
    rate: int = 16_000
    """Hz, both ways."""
    mixed: bool = True
    """Whether all who speak come as one, or each by a name."""
    bidirectional: bool = True
    """Whether what the bot sends is heard."""
    keys: bool = True
    """Whether keys that are pressed are told."""
    start: bool = True
    """Whether it begins with the call, or when it is asked for."""

    @classmethod
    def from_wire(cls, value: object) -> "StreamOptions":
        """Read `mediaStreamingOptions`; absent members have ACS's defaults. Raises OptionsError."""
        if not isinstance(value, dict):
            raise OptionsError("mediaStreamingOptions is not an object")
        _one_of(value, "transportType", "websocket", ("websocket",))
        _one_of(value, "contentType", "audio", ("audio",))
        return cls(
            _url(value),
            _RATES[_one_of(value, "audioFormat", "pcm16KMono", tuple(_RATES))],
            mixed=_one_of(value, "audioChannelType", "mixed", ("mixed", "unmixed")) == "mixed",
            bidirectional=_flag(value, "enableBidirectional"),
            keys=_flag(value, "enableDtmfTones"),
            start=_flag(value, "startMediaStreaming"),
        )


class Casing(StrEnum):
    """How the platform writes the names of members: the documents and the SDKs disagree."""

    CAMEL = "camel"
    PASCAL = "pascal"
    LOWER = "lower"
    UPPER = "upper"
    PREVIEW = "preview"
    """The form of the 2022 preview: sound without `kind`."""


@dataclass(frozen=True, slots=True)
class MediaFaults:
    """What goes wrong with a stream on its way; the same seed does the same."""

    jitter: float = 0.0
    """Each message is late by up to so many seconds. Their order stays, as on any TCP connection."""
    loss: float = 0.0
    """The part of the frames of sound that never comes, 0 to 1."""
    drops: tuple[float, ...] = ()
    """The connection breaks so many seconds after the stream began."""
    away: float = 0.5
    """Seconds until the platform comes again after a break."""
    casing: Casing = Casing.CAMEL
    garbage: int = 0
    """So many messages that are not JSON come before the sound."""
    seed: int = 0


def _url(value: Mapping[str, Any]) -> str:
    url = value.get("transportUrl")
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise OptionsError("transportUrl is not the address of a WebSocket")
    return str(url)


def _one_of(value: Mapping[str, Any], name: str, default: str, allowed: tuple[str, ...]) -> str:
    text = value.get(name) or default
    if not isinstance(text, str) or text.lower() not in allowed:
        raise OptionsError(f"{name} is not {' or '.join(allowed)}")
    return text.lower()


def _flag(value: Mapping[str, Any], name: str) -> bool:
    flag = value.get(name) or False
    if not isinstance(flag, bool):
        raise OptionsError(f"{name} is not true or false")
    return flag
