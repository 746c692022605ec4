"""What the tests of the ACS channel share."""

import json
from typing import Any

from dialtone.channels import acs
from dialtone.channels.acs import CallEvent
from dialtone.channels.acs_commands import CallRefs, Setup
from dialtone.channels.acs_grid import IncomingCall

SETUP = Setup(
    callback="https://bot.test/api/acs/callbacks/ticket",
    sounds="https://bot.test/api/acs/sounds/",
    speech="https://speech.test/",
)
CALL = IncomingCall(
    correlation_id="0b1f8c2e-0000-4000-8000-000000000001",
    to="4:+15550199",
    caller="4:+15550100",
    caller_name="Nora",
    server_call_id="c2lt",
    context="ctx",
)
REFS = CallRefs(CALL.caller, CALL.server_call_id, CALL.context)


def event(kind: str, *, sub_code: int | None = None, code: int = 200, at: float = 0.0, **data: Any) -> CallEvent:
    """An event as the platform would post it; `at` is in seconds after 2026 began."""
    if sub_code is not None:
        data["resultInformation"] = {"code": code, "subCode": sub_code, "message": ""}
    whole = {
        "id": f"{kind}-1",
        "source": "calling/callConnections/c1",
        "type": f"{acs.PREFIX}{kind}",
        "specversion": "1.0",
        "time": f"2026-01-01T00:{int(at) // 60:02d}:{int(at) % 60:02d}.{round(at % 1 * 1e7):07d}+00:00",
        "data": {"callConnectionId": "c1", "serverCallId": "c2lt", **data},
    }
    ((read,), _) = acs.parse_callbacks(json.dumps([whole]).encode())
    return read
