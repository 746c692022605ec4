"""Storage and processes that fail at every step, in a way that a seed repeats.

An operation of storage may be refused, may be done and its answer lost, and the process may die before or after it.
Between operations other requests get their turn. What was inserted and what was stored is noted, so that a test can
tell a row that was made once from one that was made again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from random import Random
from typing import Any, cast

from dialtone.appstate import AppStateCodec
from dialtone.dialogs import CallBot
from dialtone.errors import DependencyError, StorageUnavailable
from dialtone.storage import CALLS_TABLE, RECORDINGS_CONTAINER, Storage, TurnRow, call_key
from dialtone.storage.backend import Container, Table
from dialtone.storage.keys import turn_key
from dialtone.storage.memory import MemoryBackend
from functions.skype_turn import SkypeTurns
from tests.dialogs.test_any_dialog import Player, Program
from tests.functions.rig import KEY, SETTINGS

START = 1_700_000_000.0
CALL = "call-7"
FATES = ["refused", "answer lost", "killed before", "killed after"]

ran_here: ContextVar[list[Any]] = ContextVar("ran_here")
"""What the delivery that is being answered has run of the outside world."""


class Killed(BaseException):
    """The process died. Not an Exception: nothing in it may go on."""


class Storm(MemoryBackend):
    """Memory in a storm. `risk` is the chance that an operation meets one of `FATES`; 0 is calm, where none waits."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.risk = 0.0
        self.version = 0
        self.inserted: list[tuple[str, str, int]] = []
        """Partition, row key and version of the bot, of each turn that was inserted."""
        self.recorded: list[str] = []
        """The name of each recording that was written."""
        self.signals: list[str] = []
        """The row key of each signal that was kept."""
        self._random = random

    def table(self, name: str) -> Any:
        return _Store(super().table(name), name, self)

    def container(self, name: str) -> Any:
        return _Store(super().container(name), name, self)

    async def operate(self, store: str, operation: str, done: Callable[[], Awaitable[Any]], first: Any) -> Any:
        fate = self._random.choice(FATES) if self._random.random() < self.risk else ""
        await self._let_others()
        if fate == "refused":
            raise StorageUnavailable(f"{operation} {store} was told to fail")
        if fate == "killed before":
            raise Killed
        answer = await done()
        if (store, operation) == (CALLS_TABLE, "insert") and answer and first["RowKey"].isdecimal():
            self.inserted.append((first["PartitionKey"], first["RowKey"], self.version))
        if (store, operation) == (CALLS_TABLE, "insert") and answer and first["RowKey"].startswith("signal-"):
            self.signals.append(first["RowKey"])
        if (store, operation) == (RECORDINGS_CONTAINER, "put") and answer:
            self.recorded.append(first)
        await self._let_others()
        if fate == "answer lost":
            raise StorageUnavailable(f"the answer to {operation} {store} was told to be lost")
        if fate == "killed after":
            raise Killed
        return answer

    async def _let_others(self) -> None:
        for _ in range(self._random.randrange(3) if self.risk else 0):
            await asyncio.sleep(0)


class _Store:
    """A table or a container of a storm."""

    def __init__(self, store: Table | Container, name: str, storm: Storm) -> None:
        self._store, self._name, self._storm = store, name, storm

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, operation)

        async def operate(*args: Any, **kwargs: Any) -> Any:
            first = args[0] if args else None
            return await self._storm.operate(self._name, operation, lambda: method(*args, **kwargs), first)

        return operate


class House:
    """A bot and its storage. `versions` are the dialogs that were deployed one after the other."""

    def __init__(self, versions: list[list[Program]], random: Random) -> None:
        self.storm = Storm(random)
        self.storage = Storage.on(self.storm, prompt_refresh=0, link_seconds=600, now=lambda: self.now)
        self.codec = AppStateCodec([KEY])
        self.now = START
        self.ran: list[Any] = []
        self._bots = [self._bot(programs) for programs in versions]

    def _bot(self, programs: list[Program]) -> CallBot:
        async def world(value: Any) -> Any:
            self.ran.append(repr(value))
            ran_here.get([]).append(value)
            await self.storm._let_others()
            if value == "raise":
                raise ValueError("the world is not there")
            return value

        return Player(programs, world).bot()

    def process(self) -> SkypeTurns:
        """A process of the version that is deployed; it knows nothing but what is stored."""
        return SkypeTurns(self._bots[self.storm.version], self.storage, SETTINGS, lambda: self.now)

    def has_row(self, sequence: int) -> bool:
        """Whether a turn of the call is in the journal."""
        return any(key[:2] == (call_key(CALL), turn_key(sequence)) for key in self.storm.inserted)

    async def sweep(self) -> None:
        """What the sweeper does each minute."""
        try:
            process = self.process()
            before = self.now - SETTINGS.sweep_after
            for record in await self.storage.calls.open_calls(started_before=before):
                await process.lost(record)
        except (DependencyError, Killed):
            return

    async def data(self) -> dict[str, dict[str, Any]]:
        """What is kept of the caller and of the conversation."""
        owners = {"user": "8:nora", "private": f"8:nora\n{CALL}", "conversation": CALL}
        return {bag: await self.storage.data.load(bag, owner) for bag, owner in owners.items()}

    async def rows(self) -> list[TurnRow]:
        """The journal of the call, oldest turn first; AssertionError when a turn is missing."""
        latest = await self.storage.calls.latest(CALL)
        turns = latest.sequence + 1 if latest else 0
        rows = [await self.storage.calls.get(CALL, sequence) for sequence in range(turns)]
        assert None not in rows, "2: no turn is missing"
        return cast("list[TurnRow]", rows)
