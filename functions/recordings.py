"""The keeper's timers: recordings that are not finished, days that do not fit, retention that has ended."""

from datetime import UTC, datetime, timedelta
from functools import cache

import azure.functions as func

from dialtone.dialogs import History
from dialtone.storage import RECORDINGS_CONTAINER, Entry, Storage
from dialtone.storage.keeper import Archive, Keeper, Report
from functions import acs
from functions.acs_recordings import sound_note
from functions.events import teller
from functions.http import log
from functions.settings import Settings
from functions.skype_turn import turns

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.timer_trigger(schedule="30 * * * * *", arg_name="timer", run_on_startup=False)
async def keep_recordings(timer: func.TimerRequest) -> None:
    """Each minute: go on with recordings that are not finished, and delete those whose retention has ended."""
    _tell("kept", await keeper().work())
    _tell("expired", await keeper().expire())


@blueprint.timer_trigger(schedule="0 17 * * * *", arg_name="timer", run_on_startup=False)
async def reconcile_recordings(timer: func.TimerRequest) -> None:
    """Each hour: compare the ledger of today and yesterday with what is stored."""
    now = datetime.fromtimestamp(turns().clock(), UTC)
    for day in (now - timedelta(days=1), now):
        _tell("reconciled", await keeper().reconcile(day.strftime("%Y%m%d")))


@cache
def keeper() -> Keeper:
    """The keeper of this process's recordings."""
    there = turns()
    current, storage = there.settings, there.storage
    return Keeper(
        storage.backend.container(RECORDINGS_CONTAINER),
        storage.ledger,
        classes=current.retention,
        archive=_archive(current, storage),
        tell=teller(current.events, current.events_key, storage.backend),
        caller_of=_caller_of,
        fetch=_fetch,
        written=current.callers.write,
        clock=there.clock,
    )


def _archive(current: Settings, storage: Storage) -> Archive | None:
    if not current.archive:
        return None
    from dialtone.archive import Copier, open_sink

    sink = open_sink(
        current.archive,
        storage=current.archive_storage,
        client_id=current.client_id,
        lock_days=current.archive_lock_days,
    )
    return Copier(storage.backend.container(RECORDINGS_CONTAINER), sink)


async def _fetch(entry: Entry) -> bool:
    """Go on with what ACS keeps: functions/acs_recordings.py."""
    if await turns().storage.calls.note_of(entry.call_id, sound_note(entry.operation_id)) is None:
        return False
    return await acs.turns().recordings.fetch(entry.call_id, entry.operation_id)


async def _caller_of(call_id: str) -> str:
    """Who rang, by the first turn of the journal."""
    first = await turns().storage.calls.get(call_id, 0)
    if first is None:
        return ""
    caller = History.from_json(first.entries, call_id=call_id, sequence=0).facts.caller
    return caller.identity if caller else ""


def _tell(what: str, report: Report) -> None:
    if report.looked_at:
        log.info("recordings %s: %s", what, report)
