"""What operators upload to be played: container `prompts`, blobs `<name>[.<culture>].(wav|wma|mp3|ssml|txt)`.

1. An upload is judged (`dialtone.gate`) before anybody hears it: when a turn first finds it, or earlier, by `settle`.
   What is good becomes a version, kept in the container `promptversions` as it is played. What is refused changes
   nothing: the last good version of that file goes on, and the reason is kept, and logged once.
2. For a culture the most special prompt wins (`en-us`, then `en`, then the one without a culture), and among the files
   of one culture that have a good version `wav`, `wma`, `mp3`, `ssml`, `txt`, in this order.
3. A call hears the versions that were there when it began (`as_of`): one that is uploaded later, or brought back, is
   for later calls. The time of an upload is known to the second. A file that is deleted is gone at once for all.
4. Every resolve sees what was there when it asked, or a list that is at most `refresh` seconds older. An upload is
   heard by calls that begin `refresh` seconds after it; so no two processes can play a call different versions.
5. It costs one request for the list, which resolves that have all asked before it started share, and one for each
   prompt that changed since: the row of the table `prompts` that says what became of it. Whoever finds that row too
   old judges what is new and writes it. Within `refresh` seconds it costs nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from dialtone.errors import BotError, DialtoneError, StorageUnavailable
from dialtone.gate import CHANNELS, ENDINGS, UPLOAD_MAX, Channel, Good, judge, prompt_file, read_name
from dialtone.gate.decoding import installed_decoder
from dialtone.gate.judging import Decoder, too_large
from dialtone.storage.backend import Blob, Container, Table, together
from dialtone.storage.keys import call_key
from dialtone.storage.prompt_slots import (
    TYPES,
    FileState,
    PromptVersion,
    SlotState,
    about,
    narrow_path,
    path_of,
    version_of_blob,
    versions_prefix,
)
from dialtone.storage.rows import pack, text_of

PROMPTS_CONTAINER: Final = "prompts"
VERSIONS_CONTAINER: Final = "promptversions"
PROMPTS_TABLE: Final = "prompts"
VERSIONS_KEPT: Final = 50
"""Versions of a prompt that a list of them shows."""

LINKS_KEPT: Final = 1000

_PARTITION: Final = "prompts"
_log = logging.getLogger(__name__)

_UPLOAD_TYPES: Final = {"wav": "audio/wav", "ssml": "application/ssml+xml", "txt": "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class ResolvedPrompt:
    """What is played for a name: `text`, or the file at `file_uri`; the other is None. `text` may be SSML for a channel
    that speaks it, and begins with `<speak` then.
    """

    text: str | None
    file_uri: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """The files of a prompt in one culture, as they are listed: name and etag, those first that win. `changed` is the
    latest of them, `after` when a list last had others (Unix seconds).
    """

    key: str
    files: tuple[tuple[str, str], ...]
    sizes: tuple[int, ...]
    changed: float
    after: float


@dataclass(frozen=True, slots=True)
class PromptStatus:
    """What became of a prompt: `playing` is what new calls hear, None when nothing of it is good; `files` are its
    uploads, each with its reason if it was refused.
    """

    slot: str
    playing: PromptVersion | None
    files: tuple[FileState, ...]


@dataclass(frozen=True, slots=True)
class _Listing:
    """The answer to a list request, good or bad, and when that started: by the store's clock, and in Unix seconds."""

    started: float
    at: float
    slots: dict[str, Slot]
    error: DialtoneError | None = None
    others: tuple[str, ...] = ()


class PromptStore:
    """The prompts. Every method raises StorageUnavailable.

    `refresh` is how old a list may be, in seconds; `link_seconds` is the life of a link; `channels` are those that a
    prompt has to fit; `decoder` gives what reads compressed sound, PyAV where that is installed.
    """

    def __init__(
        self,
        container: Container,
        versions: Container,
        table: Table,
        *,
        refresh: float = 0.0,
        link_seconds: float = 600,
        channels: Collection[str] = tuple(CHANNELS),
        decoder: Callable[[], Decoder | None] = installed_decoder,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._container, self._versions, self._table = container, versions, table
        self._refresh = refresh
        self._link_seconds = link_seconds
        self._channels = channels
        self._decoder = decoder
        self._clock, self._now = clock, now
        self._listing: _Listing | None = None
        self._lock = asyncio.Lock()
        self._settling = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._states: dict[str, SlotState] = {}
        self._links: dict[tuple[str, str, str], tuple[float, str]] = {}

    async def resolve(
        self,
        names: Iterable[str],
        culture: str | None = None,
        *,
        channel: str = "skype",
        as_of: float | None = None,
    ) -> dict[str, ResolvedPrompt]:
        """What is played on a channel for each of these names; a name that nobody uploaded is not in the answer.

        `as_of` is when the call began, in Unix seconds (rule 3); None asks for what a call that begins now hears.
        """
        found = await self._playing(names, culture, as_of)
        return {
            name: self._rendered(version, channel) or await self._linked(version, channel)
            for name, version in found.items()
        }

    async def playing(
        self, name: str, culture: str | None = None, *, as_of: float | None = None
    ) -> PromptVersion | None:
        """The version that is played for a name, as for `resolve`; None where nobody uploaded a good one."""
        return (await self._playing([name], culture, as_of)).get(name)

    async def _playing(
        self, names: Iterable[str], culture: str | None, as_of: float | None
    ) -> dict[str, PromptVersion]:
        wanted = dict.fromkeys(names)
        listing = self._listing
        if listing is None or listing.error is not None or not self._serves(listing, self._clock()):
            listing = await self._fresh() if wanted else None
        if listing is None or not listing.slots:
            return {}
        slots = listing.slots
        found = {name: [slots[key] for key in slot_keys(name, culture) if key in slots] for name in wanted}
        if unknown := [slot for each in found.values() for slot in each if not self._knows(slot)]:
            await together(*(self._settle(slot) for slot in dict.fromkeys(unknown)))
        answer = {}
        for name, candidates in found.items():
            for slot in candidates:
                state = self._states.get(slot.key)
                version = state.playing(as_of, self._refresh) if state is not None else None
                if version is not None:
                    answer[name] = version
                    break
        return answer

    async def put(self, file: str, data: bytes, *, by: str = "") -> PromptVersion:
        """Upload a prompt, in place of every file of the same name and culture, and say what is played from now on.

        `by` is who does it. Raises BotError when it is refused: then nothing has changed.
        """
        parts = prompt_file(file)
        good = await self._judged(file, data)
        name = f"{file[: len(file) - len(parts.ending) - 1]}.{good.ending}"
        version = PromptVersion.of(parts.slot, good, file=file, by=by, since=self._now())
        await self._list_again()
        await self._keep(version, good, overwrite=True)
        await self._container.put(name, good.data, _UPLOAD_TYPES[good.ending], {}, overwrite=True)
        slot = (await self._list_again()).slots.get(parts.slot)
        for other in (each for each, _ in slot.files if each != name) if slot else ():
            await self._container.delete(other)
        slot = (await self._list_again()).slots.get(parts.slot)
        if slot is not None:
            # An operator's clock may be wrong by any time, but storage knows the second (in memory it has no clock).
            late = slot.changed and slot.after > slot.changed + 1
            await self._settle(replace(slot, after=slot.changed + 1) if late else slot)
        playing = self._status(slot).playing if slot is not None else None
        if playing is None:
            raise StorageUnavailable("the upload was removed at once", fix="upload it again")
        return replace(playing, file=file, by=by)

    async def settle(self, slot: str) -> PromptStatus | None:
        """Judge what is new of a prompt, now, and say what became of it; None when no file of it is there."""
        there = (await self._list_again()).slots.get(slot)
        if there is None:
            return None
        await self._settle(there)
        return self._status(there)

    async def statuses(self) -> list[PromptStatus]:
        """All prompts, judged, in the order of their names."""
        slots = (await self._list_again()).slots
        for key in sorted(slots):
            await self._settle(slots[key])
        return [self._status(slots[key]) for key in sorted(slots)]

    async def strangers(self) -> tuple[str, ...]:
        """Blobs in the container whose names are none of a prompt: nobody hears them."""
        return (await self._fresh()).others

    async def versions(self, slot: str) -> list[PromptVersion]:
        """The versions of a prompt, the newest first, VERSIONS_KEPT of them at most."""
        blobs = await self._versions.blobs(versions_prefix(slot), metadata=True)
        found = [version for blob in blobs if (version := version_of_blob(slot, blob)) is not None]
        return sorted(found, key=lambda version: version.since, reverse=True)[:VERSIONS_KEPT]

    async def read(self, slot: str, version: str) -> bytes:
        """The file of a version. Raises BotError (PROMPT_VERSION) when there is none."""
        content = await self._versions.read(path_of(slot, version))
        if content is None:
            raise BotError(
                f"{slot} has no version {version!r}",
                field="version",
                fix="take one from the list of its versions",
                code="PROMPT_VERSION",
            )
        return content[0]

    async def preview(self, slot: str, version: str, seconds: float = 600) -> str:
        """A link to the file of a version."""
        ending = version.rpartition(".")[2]
        return await self._versions.link(path_of(slot, version), seconds, TYPES.get(ending, TYPES["txt"]))

    async def roll_back(self, slot: str, version: str, *, by: str = "") -> PromptVersion:
        """Play an earlier version again: it is uploaded anew, so the container has what is played. Raises BotError."""
        data = await self.read(slot, version)
        return await self.put(f"{slot}.{version.rpartition('.')[2]}", data, by=by)

    async def remove(self, slot: str) -> bool:
        """Delete the files of a prompt: the bot's own text is spoken then; its versions stay. False: there was none."""
        there = (await self._list_again()).slots.get(slot)
        if there is None:
            return False
        await self._settle(there)
        for name, _ in there.files:
            await self._container.delete(name)
        async with self._settling:
            await self._write(slot, self._states.pop(slot).emptied())
        self._listing = None
        return True

    # The list of what is there.

    async def _list_again(self) -> _Listing:
        self._listing = self._listing and _Listing(float("-inf"), self._listing.at, self._listing.slots)
        return await self._fresh()

    async def _fresh(self) -> _Listing:
        asked = self._clock()
        listing = self._listing
        if listing is None or not self._serves(listing, asked):
            loop = asyncio.get_running_loop()
            if self._loop is not loop:
                self._loop, self._lock, self._settling = loop, asyncio.Lock(), asyncio.Lock()
            async with self._lock:
                listing = self._listing
                if listing is None or not self._serves(listing, asked):
                    listing = self._listing = await self._list()
        if listing.error is not None:
            raise listing.error
        return listing

    def _serves(self, listing: _Listing, asked: float) -> bool:
        return listing.started > (asked - self._refresh if listing.error is None else asked)

    async def _list(self) -> _Listing:
        before = self._listing
        started, at = self._clock(), self._now()
        try:
            blobs = await self._container.blobs()
        except DialtoneError as error:
            # Kept, so that those who wait for the same list do not each wait for a failure of their own.
            kept = before.slots if before else {}
            return _Listing(started, before.at if before else 0.0, kept, error)
        return _listing(blobs, started, at, before)

    # What became of it.

    def _knows(self, slot: Slot) -> bool:
        state = self._states.get(slot.key)
        return state is not None and state.signature == slot.files

    async def _settle(self, slot: Slot) -> None:
        """Know the state of a slot: from its row, or by judging what the row does not know (rules 1 and 5)."""
        async with self._settling:
            if self._knows(slot):
                return
            row = await self._table.get(_PARTITION, call_key(slot.key))
            state = SlotState.read(text_of(row, "state")) if row is not None else SlotState()
            if state.signature != slot.files:
                state = await self._judge_new(slot, state)
                await self._write(slot.key, state)
            self._states[slot.key] = state

    async def _write(self, slot: str, state: SlotState) -> None:
        entity = {"PartitionKey": _PARTITION, "RowKey": call_key(slot)}
        pack(entity, "slot", slot)
        pack(entity, "state", state.written())
        await self._table.put(entity)

    async def _judge_new(self, slot: Slot, before: SlotState) -> SlotState:
        # A list that began at `after` had it not; calls that began with that list are earlier.
        since = max(slot.changed, slot.after + 0.001)
        known = {each.file: each for each in before.files}
        made: dict[str, PromptVersion] = {}
        files = []
        for (name, etag), size in zip(slot.files, slot.sizes, strict=True):
            state = known.get(name, FileState(name))
            if state.etag != etag:
                try:
                    good = await self._read_and_judge(name, size)
                except BotError as refusal:
                    _log.warning("the prompt %s/%s is not used. %s", PROMPTS_CONTAINER, name, refusal)
                    state = state.refused(etag, refusal)
                else:
                    version = PromptVersion.of(slot.key, good, file=name, by="", since=since)
                    await self._keep(version, good, overwrite=False)
                    made[version.id] = version
                    state = FileState(name, etag, version.id)
            files.append(state)
        settled = before.settled(slot.files, files, made, since)
        if settled.live != before.live and (playing := settled.playing(None)) is not None:
            _log.info("the prompt %s is played from now on: version %s", slot.key, playing.id)
        return settled

    async def _read_and_judge(self, name: str, size: int) -> Good:
        if size > UPLOAD_MAX:
            raise too_large(size)
        content = await self._container.read(name)
        return await self._judged(name, content[0] if content else b"")

    async def _judged(self, file: str, data: bytes) -> Good:
        decoder = self._decoder()
        # Other calls go on meanwhile.
        return await asyncio.to_thread(judge, file, data, decoder=decoder, channels=self._channels)

    async def _keep(self, version: PromptVersion, good: Good, *, overwrite: bool) -> None:
        kind = TYPES[good.ending]
        slot = version.slot
        if good.narrow:
            # First: whoever finds the version finds this too.
            await self._versions.put(narrow_path(slot, version.id), good.narrow, kind, {}, overwrite=False)
        await self._versions.put(path_of(slot, version.id), good.data, kind, about(version), overwrite=overwrite)

    def _status(self, slot: Slot) -> PromptStatus:
        state = self._states[slot.key]
        return PromptStatus(slot.key, state.playing(None), state.files)

    def _rendered(self, version: PromptVersion, channel: str) -> ResolvedPrompt | None:
        """What is played of a version; None when there is no link to its file that lasts."""
        how = _played_on(channel)
        if version.ending != "wav":
            return ResolvedPrompt(version.ssml if version.ssml and how.speaks_ssml else version.text, None)
        until, link = self._links.get((version.slot, version.id, channel), (0.0, ""))
        return ResolvedPrompt(None, link) if until > self._clock() else None

    async def _linked(self, version: PromptVersion, channel: str) -> ResolvedPrompt:
        """The same with a new link, which is given for half of its life."""
        tight = 0 < _played_on(channel).file_max < version.bytes
        path = narrow_path(version.slot, version.id) if tight else path_of(version.slot, version.id)
        now = self._clock()
        if len(self._links) > LINKS_KEPT:
            self._links.clear()
        link = await self._versions.link(path, self._link_seconds, TYPES["wav"])
        self._links[version.slot, version.id, channel] = now + self._link_seconds / 2, link
        return ResolvedPrompt(None, link)


def _played_on(channel: str) -> Channel:
    """What a channel plays; one that is not known, such as a canary, is one of the Skype contract."""
    return CHANNELS.get(channel, CHANNELS["skype"])


def _listing(blobs: list[Blob], started: float, at: float, before: _Listing | None) -> _Listing:
    found: dict[str, list[Blob]] = {}
    others = []
    for blob in blobs:
        if parts := read_name(blob.name):
            found.setdefault(parts.slot, []).append(blob)
        else:
            others.append(blob.name)
    slots = {}
    for key, files in found.items():
        files.sort(key=lambda blob: (ENDINGS.index(blob.name.rpartition(".")[2].lower()), blob.name))
        signature = tuple((blob.name, blob.etag) for blob in files)
        old = before.slots.get(key) if before else None
        if old is not None and old.files == signature:
            slots[key] = old
            continue
        changed = max(blob.modified for blob in files)
        slots[key] = Slot(key, signature, tuple(blob.size for blob in files), changed, before.at if before else 0.0)
    return _Listing(started, at, slots, others=tuple(others))


@lru_cache(maxsize=2048)
def slot_keys(name: str, culture: str | None) -> tuple[str, ...]:
    """The slots that a prompt is looked up in, the first one first."""
    return tuple(f"{name}.{part}" if part else name for part in fallbacks(culture))


def fallbacks(culture: str | None) -> list[str]:
    """`en-us`, `en` and the empty one for `en-US` (RFC 4647, lookup)."""
    parts = (culture or "").lower().split("-")
    return list(dict.fromkeys(["-".join(parts[:length]) for length in range(len(parts), 0, -1)] + [""]))
