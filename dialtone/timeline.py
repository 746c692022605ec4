"""The ledger of a call as its bot has it (`dialtone.storage.story`), for people to read."""

from dialtone.errors import ConfigurationError
from dialtone.ringing import Event
from dialtone.storage import Storage
from dialtone.storage.story import events_of, told
from dialtone.transcript import clock, printable


async def ledger_of(storage: Storage, call_id: str) -> list[Event]:
    """The events of a call, in order. Raises StorageUnavailable, and ConfigurationError for one that is not there."""
    events: list[Event] = list(await events_of(storage.calls, storage.recordings, call_id))
    if not events:
        raise ConfigurationError(
            f"the journal has no call {call_id}",
            field="CALL_ID",
            fix="name a call of this storage; DIALTONE_STORAGE says which storage that is",
        )
    return events


def words(event: Event) -> tuple[str, str]:
    """Whose an event is, and how it is told."""
    return str(event["who"]), printable(told(event))


def lines(events: list[Event]) -> list[str]:
    """The ledger as people read it, one line for each event."""
    return [f"{clock(event['t'])}  {who:<8}  {line}" for event in events for who, line in (words(event),)]
