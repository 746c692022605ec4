"""The keeper of recordings: what is done with each after it was stored, and what is mended when something broke off.

`work` goes over the ledger's list of what is not finished. For each recording:

| what it finds                                             | what it does                                             |
|-----------------------------------------------------------|----------------------------------------------------------|
| expected, its blob is there                               | completes the entry; hashes the sound if nobody did      |
| expected, a recorder is writing its blob                  | waits; after `patience` what there is counts             |
| expected, the platform has it                             | fetches it, or the next parts of it                      |
| expected, no blob, younger than `patience`                | waits                                                    |
| expected, no blob, older                                  | missing: reported, and off the list                      |
| stored, not told                                          | sends `recording.stored`, then marks it                  |
| stored, not archived, and there is an archive             | copies it, then marks it                                 |
| stored, nothing left to do                                | notes the day on which its retention ends; off the list  |
| to be deleted                                             | deletes blob and caller, then marks it                   |

`reconcile` compares a day of the ledger with the blobs of that day: a blob without an entry gets one, an entry without
its blob is missing, sound without bytes or of another size is reported, and so is what the platform has and did not
give so far, while there is time. `expire` deletes what its retention has ended
for, unless a legal hold keeps it. `delete_caller` deletes what there is of a caller and writes a receipt.

All of it may be interrupted anywhere and run again, by several at once: each step is a merge, an insert or a delete
that does the same the second time. One thing can happen twice: an event that was sent when its mark was not written is
sent again, with the same `id`.
"""

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from dialtone import telemetry
from dialtone.errors import ConfigurationError, DialtoneError
from dialtone.storage.backend import Blob, Container
from dialtone.storage.fetching import LIVE, PART_BYTES
from dialtone.storage.keys import day_of
from dialtone.storage.ledger import NOT_FETCHED, Entry, Ledger, Receipt, State, is_path, receipt_id
from dialtone.storage.recordings import SOUND_SHA256, WAV_HEADER_BYTES, Recording, recording_of

CHANGED: Final = "changed"
"""The fault of a recording that is not what was sent to be stored."""
DAY_S: Final = 86_400.0
PATIENCE_S: Final = DAY_S
"""Seconds that sound may take to come: Event Grid delivers for a day."""
_AT_ONCE: Final = 16
_PAGE: Final = 200

log = logging.getLogger("dialtone")

T = TypeVar("T")
Tell = Callable[[dict[str, Any]], Awaitable[None]]
"""Sends an event. Raises DependencyError when it was not taken."""
CallerOf = Callable[[str], Awaitable[str]]
"""Who the caller of a call was; empty when nobody knows."""


Fetch = Callable[[Entry], Awaitable[bool]]
"""Fetches a recording that is expected, if a platform has it; whether it is stored now. Raises DialtoneError."""


class Archive(Protocol):
    """Copies of recordings elsewhere; see `dialtone.archive`."""

    async def copy(self, entry: Entry) -> str:
        """Copy a recording, or go on with its copy, and say where it is. Raises DependencyError: then again, later."""

    async def remove(self, entry: Entry) -> str:
        """Delete the copy of a recording; why that cannot be, or empty when it is gone."""


@dataclass(slots=True)
class Report:
    """What a run did: how many it looked at, what it mended, what is wrong and needs somebody.

    A finding names the kind of fault and the path.
    """

    looked_at: int = 0
    completed: int = 0
    adopted: int = 0
    told: int = 0
    finished: int = 0
    deleted: int = 0
    expired: int = 0
    archived: int = 0
    held: int = 0
    waiting: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        """The counts that are not 0, and how many findings."""
        counts = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "findings"}
        counts["wrong"] = len(self.findings)
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "nothing"

    def find(self, kind: str, path: str) -> None:
        """Note a fault, here and in the log."""
        self.findings.append((kind, path))
        log.error("a recording is %s: %s", kind, path)


def retention(text: str) -> dict[str, int]:
    """The classes of a setting such as `standard=30,complaint=3650`: days by name; 0 is for ever.

    Raises ConfigurationError.
    """
    classes: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, days = part.partition("=")
        if not name.strip() or not days.strip().isdecimal():
            raise ConfigurationError(
                f"{part!r} is no class of retention",
                field="DIALTONE_RETENTION",
                fix="write classes as name=days, by commas; 0 days are for ever",
            )
        classes[name.strip()] = int(days)
    return classes


class Keeper:
    """Keeps the recordings of one account. Every method raises StorageUnavailable.

    `classes` are the days of each class of retention; one that is not in it is kept for ever. `tell` sends events,
    `archive` makes copies, `caller_of` says who a call was with, `written` how a caller is written down, `fetch` gets
    what platforms keep.
    """

    def __init__(
        self,
        container: Container,
        ledger: Ledger,
        *,
        classes: Mapping[str, int] | None = None,
        tell: Tell | None = None,
        archive: Archive | None = None,
        caller_of: CallerOf | None = None,
        fetch: Fetch | None = None,
        written: Callable[[str, str], str] = lambda identity, key: identity,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE_S,
    ) -> None:
        self._container, self._ledger = container, ledger
        self._classes, self._tell, self._archive = dict(classes or {}), tell, archive
        self._caller_of, self._written, self._fetch = caller_of, written, fetch
        self._clock, self._patience = clock, patience

    # What is not finished.

    async def work(self, *, seconds: float = 50) -> Report:
        """Go over what is not finished, and go on with each; begin with no more of them after so many seconds. What
        fails is tried again next time.
        """
        report, began, last = Report(), time.monotonic(), ""
        while time.monotonic() - began < seconds:
            paths = await self._ledger.todo(limit=_PAGE, after=last)
            await self._each(paths, lambda path: self._look_at(path, report))
            if len(paths) < _PAGE:
                break
            last = paths[-1]
        return report

    async def _look_at(self, path: str, report: Report) -> None:
        entry = await self._ledger.get(path)
        with telemetry.span("recording.keep", call_id=entry.call_id if entry else ""):
            await self._go_on(path, entry, report)

    async def _go_on(self, path: str, entry: Entry | None, report: Report) -> None:
        report.looked_at += 1
        if entry is None:
            # Whoever expected it wrote this row and not the entry: there is no sound yet, and a retry writes both.
            if await self._container.head(path) is None:
                await self._ledger.finished(path)
            else:
                await self._adopt(path, report)
            return
        if entry.state is State.EXPECTED:
            there = await self._arrived(entry, report)
            if there is None:
                return
            entry = there
        if entry.state is State.DELETING:
            await self._delete(entry, State.DELETED)
            report.deleted += 1
        elif entry.state.is_there:
            await self._attend(entry, report)
        await self._ledger.finished(path)
        report.finished += 1

    async def _arrived(self, entry: Entry, report: Report) -> Entry | None:
        """A recording that is expected: as it is stored, or None when there is nothing to go on with."""
        blob = await self._container.head(entry.path)
        is_late = self._clock() - entry.expected_at >= self._patience
        if blob is not None and (is_late or LIVE not in blob.metadata):
            stored = await self._measured(blob)
            values: dict[str, Any] = {
                "state": State.STORED if stored.size else State.EMPTY,
                "size": stored.size,
                "sha256": stored.sha256,
                "seconds": stored.seconds or entry.seconds,
                "fault": stored.fault,
                "stored_at": self._clock(),
            }
            await self._ledger.change(entry.path, **values)
            report.completed += 1
            if stored.fault == CHANGED:
                report.find(CHANGED, entry.path)
            return replace(entry, **values)
        if not is_late and self._fetch is not None and await self._fetch(entry):
            report.completed += 1
            return await self._ledger.get(entry.path)
        if not is_late:
            report.waiting += 1
        else:
            await self._ledger.change(entry.path, state=State.MISSING)
            await self._ledger.finished(entry.path)
            report.find("missing", entry.path)
        return None

    async def _attend(self, entry: Entry, report: Report) -> None:
        """What is done with a recording that is stored."""
        if not entry.caller_key and self._caller_of is not None:
            identity = await self._caller_of(entry.call_id)
            if identity:
                key = await self._ledger.caller_key(identity)
                await self._ledger.name_caller(entry.path, self._written(identity, key), key)
                entry = replace(entry, caller=self._written(identity, key), caller_key=key)
        if entry.state is State.EMPTY and not entry.told_at:
            report.find("empty", entry.path)
        if self._tell is not None and not entry.told_at:
            await self._tell(event_of(entry))
            await self._ledger.change(entry.path, told_at=self._clock())
            report.told += 1
        if self._archive is not None and not entry.archived_at and entry.size:
            where = await self._archive.copy(entry)
            await self._ledger.change(entry.path, archived=where, archived_at=self._clock())
            report.archived += 1
        if self._classes and entry.keep not in self._classes:
            log.warning("%r is no class of DIALTONE_RETENTION: %s is kept for ever", entry.keep, entry.path)
        days = self._classes.get(entry.keep, 0)
        if days and not entry.expires:
            expires = (entry.started or entry.expected_at) + days * DAY_S
            await self._ledger.fall_due(entry.path, day_of(expires))
            await self._ledger.change(entry.path, expires=expires)

    # What does not fit.

    async def reconcile(self, day: str) -> Report:
        """Compare the ledger with the blobs of a UTC day, `yyyymmdd`: mend what can be, report what cannot."""
        report = Report()
        entries = {entry.path: entry for entry in await self._ledger.of_day(day)}
        async for page in self._container.pages(f"{day[:4]}/{day[4:6]}/{day[6:]}/"):
            mine = [(blob, entries.pop(blob.name, None)) for blob in page]
            await self._each(mine, lambda pair: self._compare(pair[0], pair[1], report))
        await self._each(list(entries.values()), lambda entry: self._without_blob(entry, report))
        return report

    async def _compare(self, blob: Blob, entry: Entry | None, report: Report) -> None:
        report.looked_at += 1
        if entry is None:
            await self._adopt(blob.name, report)
        elif entry.state.is_over:
            # Somebody stored it again, or died while deleting it.
            await self._ledger.change(blob.name, state=State.DELETING)
            await self._ledger.again(blob.name)
        elif entry.state is State.MISSING:
            await self._ledger.change(blob.name, state=State.EXPECTED)
            await self._ledger.again(blob.name)
        elif entry.state is State.EXPECTED:
            await self._expected(entry, report)
        elif blob.size != entry.size:
            report.find("changed" if blob.size else "empty", blob.name)

    async def _without_blob(self, entry: Entry, report: Report) -> None:
        report.looked_at += 1
        if entry.state.is_there:
            # The listing may be older than the entry.
            if await self._container.head(entry.path) is None:
                await self._ledger.change(entry.path, state=State.MISSING)
                report.find("missing", entry.path)
        elif entry.state is State.EXPECTED:
            await self._expected(entry, report)
        elif entry.state is State.DELETING:
            await self._ledger.again(entry.path)

    async def _expected(self, entry: Entry, report: Report) -> None:
        if entry.fault == NOT_FETCHED:
            report.find("not fetched", entry.path)
        await self._ledger.again(entry.path)

    async def _adopt(self, path: str, report: Report) -> None:
        """Write an entry for a blob that has none; the list of what is not finished leads to the rest."""
        blob = await self._container.head(path) if is_path(path) else None
        if blob is None or "format" not in blob.metadata:
            report.find("not ours", path)
            return
        try:
            told = recording_of(blob)
        except (KeyError, ValueError):
            report.find("not ours", path)
            return
        key = await self._ledger.caller_key(told.caller)
        caller = self._written(told.caller, key)
        entry = told.expected(path, caller=caller, caller_key=key, at=self._clock())
        await self._ledger.expect(replace(entry, fault=told.fault))
        report.adopted += 1

    async def _measured(self, blob: Blob) -> Recording:
        """What is stored, with the hash of its sound if whoever stored it did not say one.

        Where that of what is behind its header was said, the two are compared.
        """
        told = recording_of(blob)
        if told.sha256:
            return told
        digest, sound, size = hashlib.sha256(), hashlib.sha256(), 0
        while piece := await self._container.piece(blob.name, size, PART_BYTES):
            await asyncio.to_thread(digest.update, piece)
            await asyncio.to_thread(sound.update, piece[max(0, WAV_HEADER_BYTES - size) :])
            size += len(piece)
        expected = blob.metadata.get(SOUND_SHA256, "")
        fault = told.fault if expected in ("", sound.hexdigest()) else CHANGED
        return replace(told, size=size, sha256=digest.hexdigest(), fault=fault)

    # What is deleted.

    async def hold(self, path: str, reason: str) -> bool:
        """Keep a recording from being deleted, by anybody, until it is released; False when there is none.

        Raises ValueError without a reason.
        """
        if not reason.strip():
            raise ValueError("a legal hold has a reason")
        entry = await self._ledger.get(path) if is_path(path) else None
        if entry is None or entry.state.is_over:
            return False
        await self._ledger.change(path, hold=reason)
        # Whoever deletes looks for a hold first, and may have looked just before.
        now = await self._ledger.get(path)
        return now is not None and not now.state.is_over

    async def release(self, path: str) -> bool:
        """End a legal hold; what its retention has ended for meanwhile is deleted by the next run."""
        entry = await self._ledger.get(path) if is_path(path) else None
        if entry is None:
            return False
        await self._ledger.change(path, hold="")
        if entry.expires:
            await self._ledger.fall_due(path, day_of(max(entry.expires, self._clock())))
        return True

    async def expire(self, *, limit: int = 1000) -> Report:
        """Delete what its retention has ended for, `limit` at most."""
        report = Report()
        for row, path in await self._ledger.due(day_of(self._clock()), limit=limit):
            report.looked_at += 1
            entry = await self._ledger.get(path)
            if entry is not None and not entry.state.is_over:
                if entry.expires > self._clock():
                    report.waiting += 1
                    continue
                if entry.hold:
                    report.held += 1
                else:
                    await self._delete(entry, State.EXPIRED)
                    report.expired += 1
            await self._ledger.was_due(row)
        return report

    async def delete(self, path: str) -> str | None:
        """Delete one recording, and say why its copy in the archive is left, or nothing when none is; None when there
        is no such recording, or a legal hold keeps it.
        """
        entry = await self._ledger.get(path) if is_path(path) else None
        if entry is None or entry.hold:
            return None
        return await self._delete(entry, State.DELETED)

    async def delete_caller(self, identity: str, *, by: str) -> Receipt:
        """Delete the recordings of a caller, but those under a legal hold, and return the receipt, which is kept too.

        `by` is who asked for it. Asked again, it goes on where it broke off, with a receipt of its own.
        """
        key = await self._ledger.caller_key(identity)
        now = self._clock()
        receipt = Receipt(id=receipt_id(now), at=now, caller_key=key, by=by)
        doomed: list[Entry] = []
        for path in await self._ledger.of_caller(key):
            entry = await self._ledger.get(path)
            if entry is None:
                await self._ledger.forget_caller(path, key)
            elif entry.hold:
                receipt.held.append(path)
            else:
                doomed.append(entry)
                receipt.deleted.append({"path": path, "size": entry.size, "sha256": entry.sha256})
        # Before anything is gone: a receipt that is not complete says what was to be deleted, and so do the entries.
        await self._ledger.put_receipt(receipt)
        for entry in doomed:
            await self._doom(entry)
        for entry in doomed:
            left = await self._delete(replace(entry, state=State.DELETING), State.DELETED)
            if left:
                receipt.archived.append({"at": entry.archived, "why": left})
        receipt = replace(receipt, complete=not receipt.held and not receipt.archived)
        await self._ledger.put_receipt(receipt)
        return receipt

    async def _doom(self, entry: Entry) -> None:
        """On the list first, so that whoever finds it half done goes on."""
        await self._ledger.again(entry.path)
        await self._ledger.change(entry.path, state=State.DELETING)

    async def _delete(self, entry: Entry, end: State) -> str:
        """Delete a recording; what is left of it in the archive, and why."""
        path = entry.path
        if entry.state is not State.DELETING:
            await self._doom(entry)
        left = ""
        if entry.archived and self._archive is not None:
            left = await self._archive.remove(entry)
        elif entry.archived:
            left = "no archive is configured here"
        await self._container.delete(path)
        values: dict[str, Any] = {"state": end, "deleted_at": self._clock()}
        if left:
            # The hash stays, so that the copy is found when the caller's request is made again.
            values["caller"] = ""
        else:
            values["archived"] = ""
            if entry.caller_key:
                await self._ledger.forget_caller(path, entry.caller_key)
        await self._ledger.change(path, **values)
        await self._ledger.finished(path)
        return left

    async def _each(self, items: Sequence[T], do: Callable[[T], Awaitable[None]]) -> None:
        """Do it to each, several at once. A failure of one is no failure of the others, and waits for the next run."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(item: T) -> None:
            async with gate:
                try:
                    await do(item)
                except DialtoneError as error:
                    log.warning("a recording is left to the next run: %s", error)

        await asyncio.gather(*(one(item) for item in items))


def event_of(entry: Entry) -> dict[str, Any]:
    """The event `recording.stored`. Its `id` is the same whenever it is sent."""
    stored = datetime.fromtimestamp(math.floor(entry.stored_at), UTC).isoformat().replace("+00:00", "Z")
    return {
        "id": hashlib.sha256(entry.path.encode()).hexdigest()[:32],
        "type": "recording.stored",
        "time": stored,
        "data": {
            "path": entry.path,
            "call": entry.call_id,
            "operation": entry.operation_id,
            "caller": entry.caller,
            "seconds": entry.seconds,
            "format": entry.format,
            "size": entry.size,
            "sha256": entry.sha256,
            "consent": entry.consent,
            "keep": entry.keep,
            "fault": entry.fault,
        },
    }
