"""The sweeper ends calls whose next callback never came (Skype Calling API, "HTTP errors and retries")."""

import azure.functions as func

from dialtone.errors import DependencyError
from functions.http import about_call, log
from functions.turn import turns

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

LIMIT = 100
"""Calls that one run looks at; the oldest go first, the rest wait for the next run."""


@blueprint.timer_trigger(schedule="0 * * * * *", arg_name="timer", run_on_startup=False)
async def sweep(timer: func.TimerRequest) -> None:
    """Each minute: end what is lost, mend what the index has wrong."""
    current = turns()
    before = current.clock() - current.settings.sweep_after
    for record in await current.storage.calls.open_calls(started_before=before, limit=LIMIT):
        about_call(record.call_id)
        try:
            await current.lost(record)
        except DependencyError:
            log.warning("storage failed; the call is looked at again in the next run")
