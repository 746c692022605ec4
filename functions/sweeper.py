"""The sweeper ends calls whose next callback never came (Skype Calling API, "HTTP errors and retries")."""

import math
from typing import Final

import azure.functions as func

from dialtone.channels.teams import KEEP_ALIVE_S
from dialtone.errors import DependencyError
from dialtone.storage import CallRecord
from functions import teams
from functions.channels import turns_of
from functions.http import about_call, log
from functions.skype_turn import turns
from functions.teams_settings import teams_settings

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

PAGE: Final = 100
PAGES: Final = 20
"""One run looks at this many pages of open calls, so that it ends before the next one; what is left waits for that."""


@blueprint.timer_trigger(schedule="0 * * * * *", arg_name="timer", run_on_startup=False)
async def sweep(timer: func.TimerRequest) -> None:
    """Each minute: end what is lost, mend what the index has wrong."""
    current = turns()
    # A call on Teams has to be kept alive long before it may be lost.
    oldest = min(current.settings.sweep_after, KEEP_ALIVE_S[0] if teams_settings() else math.inf)
    before = current.clock() - oldest
    last: CallRecord | None = None
    for _ in range(PAGES):
        records = await current.storage.calls.open_calls(started_before=before, limit=PAGE, after=last)
        for record in records:
            about_call(record.call_id)
            try:
                if not await turns_of(record.channel).lost(record) and record.channel == teams.NAME:
                    await teams.turns().keep_alive(record)
            except DependencyError:
                log.warning("storage failed; the call is looked at again in the next run")
        if len(records) < PAGE:
            return
        last = records[-1]
