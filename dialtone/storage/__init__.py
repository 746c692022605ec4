"""Where a bot keeps things: the journal of its calls, its data of users and the ledger of recordings in Table Storage,
prompts and recordings in Blob Storage.

Importing this imports nothing of the Azure SDK; the first request does.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from dialtone.errors import ConfigurationError
from dialtone.gate import CHANNELS
from dialtone.privacy import Callers
from dialtone.storage.audit import AUDIT_TABLE, AuditLog, Deed
from dialtone.storage.backend import Backend
from dialtone.storage.call_rows import CallPage, CallRecord, MediaRow, NoteRow, SignalRow, TurnRow
from dialtone.storage.calls import CALLS_TABLE, INDEX_TABLE, CallStore
from dialtone.storage.data import DATA_TABLE, DataStore
from dialtone.storage.failures import SETTING
from dialtone.storage.keys import call_key
from dialtone.storage.ledger import LEDGER_TABLE, Entry, Ledger, Receipt, State
from dialtone.storage.prompt_slots import FileState, PromptVersion
from dialtone.storage.prompts import (
    PROMPTS_CONTAINER,
    PROMPTS_TABLE,
    VERSIONS_CONTAINER,
    PromptStatus,
    PromptStore,
    ResolvedPrompt,
)
from dialtone.storage.recordings import RECORDINGS_CONTAINER, Recording, RecordingStore

__all__ = [
    "AUDIT_TABLE",
    "CALLS_TABLE",
    "DATA_TABLE",
    "EVENTS_QUEUE",
    "INDEX_TABLE",
    "LEDGER_TABLE",
    "PROMPTS_CONTAINER",
    "PROMPTS_TABLE",
    "RECORDINGS_CONTAINER",
    "VERSIONS_CONTAINER",
    "AuditLog",
    "CallPage",
    "CallRecord",
    "CallStore",
    "DataStore",
    "Deed",
    "Entry",
    "FileState",
    "Ledger",
    "MediaRow",
    "NoteRow",
    "PromptStatus",
    "PromptStore",
    "PromptVersion",
    "Receipt",
    "Recording",
    "RecordingStore",
    "ResolvedPrompt",
    "SignalRow",
    "State",
    "Storage",
    "TurnRow",
    "call_key",
    "open_storage",
]

LINK_SECONDS_MAX = 86_400
EVENTS_QUEUE = "dialtone-events"


@dataclass(frozen=True, slots=True)
class Storage:
    """The stores of one account. Nothing needs to be set up first: what is missing is created by the first write."""

    calls: CallStore
    data: DataStore
    ledger: Ledger
    audit: AuditLog
    recordings: RecordingStore
    prompts: PromptStore
    backend: Backend = field(repr=False)

    @classmethod
    def on(
        cls,
        backend: Backend,
        *,
        prompt_refresh: float = 0.0,
        link_seconds: float = 600,
        prompt_channels: Collection[str] = tuple(CHANNELS),
        callers: Callers = Callers.SHOWN,
        now: Callable[[], float] = time.time,
    ) -> "Storage":
        """The stores on a backend; see `open_storage`. `now` gives seconds since 1970, UTC."""
        ledger = Ledger(backend.table(LEDGER_TABLE))
        return cls(
            calls=CallStore(backend.table(CALLS_TABLE), backend.table(INDEX_TABLE)),
            data=DataStore(backend.table(DATA_TABLE)),
            ledger=ledger,
            audit=AuditLog(backend.table(AUDIT_TABLE)),
            recordings=RecordingStore(backend.container(RECORDINGS_CONTAINER), ledger, callers),
            prompts=PromptStore(
                backend.container(PROMPTS_CONTAINER),
                backend.container(VERSIONS_CONTAINER),
                backend.table(PROMPTS_TABLE),
                refresh=prompt_refresh,
                link_seconds=link_seconds,
                channels=prompt_channels,
                now=now,
            ),
            backend=backend,
        )

    async def ensure(self) -> None:
        """Create the tables and containers that are not there. Raises StorageUnavailable."""
        for table in (CALLS_TABLE, INDEX_TABLE, DATA_TABLE, LEDGER_TABLE, PROMPTS_TABLE, AUDIT_TABLE):
            await self.backend.table(table).ensure()
        for container in (RECORDINGS_CONTAINER, PROMPTS_CONTAINER, VERSIONS_CONTAINER):
            await self.backend.container(container).ensure()

    async def ping(self) -> None:
        """Ask both services something small. Raises StorageUnavailable when one of them does not answer."""
        await self.backend.table(CALLS_TABLE).get("ping", "ping")
        await self.backend.container(PROMPTS_CONTAINER).head("ping")

    async def close(self) -> None:
        """Close every connection. The storage can be used again afterwards."""
        await self.backend.close()


def open_storage(
    connection_string: str | None = None,
    *,
    account: str | None = None,
    client_id: str | None = None,
    prompt_refresh: float = 0.0,
    prompt_channels: Collection[str] = tuple(CHANNELS),
    link_seconds: float = 600,
    callers: Callers = Callers.SHOWN,
) -> Storage:
    """The storage of a bot. Nothing is connected before the first request.

    `connection_string` is that of an account or of Azurite, or `memory`. `account` is the name of an account that is
    reached as the managed identity `client_id`, or as the system-assigned one. `prompt_refresh` is how many seconds an
    uploaded prompt may take to be heard; 0 asks at every turn. `prompt_channels` are those that a prompt has to fit.
    `link_seconds` (up to a day) is the life of the links to prompts. `callers` says how callers are written into
    recordings. Raises ConfigurationError.
    """
    if not 0 < link_seconds <= LINK_SECONDS_MAX:
        raise ConfigurationError(
            f"a link lives up to {LINK_SECONDS_MAX} seconds", field="link_seconds", fix="use 600, which is ten minutes"
        )
    backend = _backend(connection_string, account, client_id)
    return Storage.on(
        backend,
        prompt_refresh=prompt_refresh,
        prompt_channels=prompt_channels,
        link_seconds=link_seconds,
        callers=callers,
    )


def _backend(connection_string: str | None, account: str | None, client_id: str | None) -> Backend:
    if connection_string and account:
        raise ConfigurationError(
            "both a connection string and the name of an account are given", field=SETTING, fix="keep one of them"
        )
    # One of them is used in a process, and a cold start should not pay for the other.
    if connection_string == "memory":
        from dialtone.storage.memory import MemoryBackend

        return MemoryBackend()
    from dialtone.storage.account import Address, AzureAccount

    if connection_string:
        return AzureAccount(Address.from_connection_string(connection_string))
    if account:
        return AzureAccount(Address.from_name(account, client_id))
    raise ConfigurationError(
        "no storage is named",
        field=SETTING,
        fix="set it to a connection string or to memory, or give the name of a storage account",
    )
