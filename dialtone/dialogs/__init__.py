"""The programming model: bots, calls, and the replay engine that runs them. Pure: no network, clock or disk."""

from dialtone.dialogs.bot import CallBot
from dialtone.dialogs.call import Call, Recognition, Recording
from dialtone.dialogs.engine import finish_activity, take_turn
from dialtone.dialogs.history import CallFacts, History
from dialtone.dialogs.prompts import Prompt
from dialtone.dialogs.requests import StoredRecording
from dialtone.dialogs.turn import Activity, Event, Lost, Turn
from dialtone.protocol import CallStateChange, RosterUpdate

__all__ = [
    "Activity",
    "Call",
    "CallBot",
    "CallFacts",
    "CallStateChange",
    "Event",
    "History",
    "Lost",
    "Prompt",
    "Recognition",
    "Recording",
    "RosterUpdate",
    "StoredRecording",
    "Turn",
    "finish_activity",
    "take_turn",
]
