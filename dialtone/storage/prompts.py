"""What operators upload to be played: container `prompts`, blobs `<name>[.<culture>].(wav|wma|txt)`.

1. A name has ASCII letters, digits, `-` and `_`, and may be in folders (`/`). A culture is a language tag such as
   `en-US`. Cultures and endings are compared without case, names with it. Blobs named otherwise are left alone.
2. For a culture the most special blob wins (`en-us`, then `en`, then the one without a culture), and among those of
   one culture `wav`, then `wma`, then `txt`.
3. A file becomes a read link with a short life. A text becomes text: UTF-8, without a byte order mark and without
   the line ends behind it, 1 to 2048 characters (Skype Calling API, playPrompt). A text that is not so is as good
   as absent; the log says so once for each upload.
4. An upload is heard by the next turn. Every resolve sees what was there when it asked, or a list that is at most
   `refresh` seconds older. It costs one request for the list, which resolves that have all asked before it started
   share, and one for each text that has another etag than when it was last read.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from dialtone.errors import BotError, DialtoneError
from dialtone.protocol.rules import PROMPT_TEXT_MAX
from dialtone.storage.backend import Blob, Container, together

PROMPTS_CONTAINER: Final = "prompts"

_log = logging.getLogger(__name__)

_CONTENT_TYPES: Final = {"wav": "audio/wav", "wma": "audio/x-ms-wma", "txt": "text/plain; charset=utf-8"}
_BLOB_NAME: Final = re.compile(
    r"(?P<name>[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)"
    r"(?:\.(?P<culture>[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*))?"
    r"\.(?P<ending>wav|wma|txt)",
    re.ASCII | re.IGNORECASE,
)
# A byte order mark, characters of four bytes, and some line ends.
_TEXT_MAX_BYTES: Final = 4 * PROMPT_TEXT_MAX + 16

_Index = dict[tuple[str, str, str], Blob]


@dataclass(frozen=True, slots=True)
class ResolvedPrompt:
    """What is played for a name: `text`, or the file at `file_uri`; the other is None."""

    text: str | None
    file_uri: str | None


@dataclass(frozen=True, slots=True)
class _Listing:
    """The answer to a list request, good or bad, and when that started."""

    started: float
    index: _Index
    error: DialtoneError | None = None


class PromptStore:
    """The prompts. `refresh` is how old a list may be, in seconds; `link_seconds` is the life of a link. Every method
    raises StorageUnavailable.
    """

    def __init__(
        self,
        container: Container,
        *,
        refresh: float = 0.0,
        link_seconds: float = 600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._container = container
        self._refresh = refresh
        self._link_seconds = link_seconds
        self._clock = clock
        self._listing: _Listing | None = None
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._texts: dict[str, tuple[str, str | None]] = {}

    async def resolve(self, names: Iterable[str], culture: str | None = None) -> dict[str, ResolvedPrompt]:
        """What is played for each of these names; a name that nobody uploaded is not in the answer."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        index = await self._fresh_index()
        if not index:
            return {}
        cultures = _fallbacks(culture)
        found = await together(*(self._find(index, name, cultures) for name in wanted))
        return {name: prompt for name, prompt in zip(wanted, found, strict=True) if prompt is not None}

    async def put(self, blob_name: str, data: bytes) -> None:
        """Upload a prompt, in place of the one with this name. Raises BotError when the name is not one of a prompt,
        or the text is not one that can be spoken.
        """
        match = _BLOB_NAME.fullmatch(blob_name)
        if match is None:
            raise BotError(
                f"{blob_name!r} is not the name of a prompt",
                field="blob_name",
                fix="use <name>.wav, <name>.en-US.txt and the like: letters, digits, - and _; wav, wma or txt",
                code="PROMPT_NAME",
            )
        ending = match["ending"].lower()
        if ending == "txt":
            _read_text(data)
        await self._container.put(blob_name, data, _CONTENT_TYPES[ending], {}, overwrite=True)
        self._listing = None

    async def _fresh_index(self) -> _Index:
        asked = self._clock()
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        listing = self._listing
        if listing is None or not self._serves(listing, asked):
            async with self._lock:
                listing = self._listing
                if listing is None or not self._serves(listing, asked):
                    listing = self._listing = await self._list()
        if listing.error is not None:
            raise listing.error
        return listing.index

    def _serves(self, listing: _Listing, asked: float) -> bool:
        return listing.started > (asked - self._refresh if listing.error is None else asked)

    async def _list(self) -> _Listing:
        started = self._clock()
        try:
            blobs = await self._container.blobs()
        except DialtoneError as error:
            # Kept, so that those who wait for the same list do not each wait for a failure of their own.
            return _Listing(started, {}, error)
        index: _Index = {}
        for blob in blobs:
            if match := _BLOB_NAME.fullmatch(blob.name):
                key = (match["name"], (match["culture"] or "").lower(), match["ending"].lower())
                index.setdefault(key, blob)
        there = {blob.name for blob in blobs}
        self._texts = {name: text for name, text in self._texts.items() if name in there}
        return _Listing(started, index)

    async def _find(self, index: _Index, name: str, cultures: list[str]) -> ResolvedPrompt | None:
        for culture in cultures:
            for ending, content_type in _CONTENT_TYPES.items():
                blob = index.get((name, culture, ending))
                if blob is None:
                    continue
                if ending != "txt":
                    link = await self._container.link(blob.name, self._link_seconds, content_type)
                    return ResolvedPrompt(text=None, file_uri=link)
                text = await self._text(blob)
                if text is not None:
                    return ResolvedPrompt(text=text, file_uri=None)
        return None

    async def _text(self, blob: Blob) -> str | None:
        etag, text = self._texts.get(blob.name, ("", None))
        if etag == blob.etag:
            return text
        # One that is too long whatever it says is not worth reading.
        data, etag = b"x" * _TEXT_MAX_BYTES, blob.etag
        if blob.size < _TEXT_MAX_BYTES:
            content = await self._container.read(blob.name)
            if content is None:
                return None
            data, etag = content
        try:
            text = _read_text(data)
        except BotError as error:
            text = None
            if self._texts.get(blob.name) != (etag, None):
                _log.warning("The prompt %s/%s is not used. %s", PROMPTS_CONTAINER, blob.name, error)
        self._texts[blob.name] = etag, text
        return text


def _fallbacks(culture: str | None) -> list[str]:
    """`en-us`, `en` and the empty one for `en-US` (RFC 4647, lookup)."""
    parts = (culture or "").lower().split("-")
    return list(dict.fromkeys(["-".join(parts[:length]) for length in range(len(parts), 0, -1)] + [""]))


def _read_text(data: bytes) -> str:
    """Rule 3. Raises BotError."""
    try:
        text = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BotError(
            "the text is not UTF-8", field="data", fix="save the file as UTF-8", code="PROMPT_TEXT"
        ) from None
    if not text.strip():
        raise BotError("the text is empty", field="data", fix="write what is to be spoken", code="PROMPT_TEXT")
    if len(text) > PROMPT_TEXT_MAX:
        raise BotError(
            f"the text is longer than {PROMPT_TEXT_MAX} characters",
            field="data",
            fix="make it shorter, or upload a sound file",
            code="PROMPT_TEXT",
        )
    return text
