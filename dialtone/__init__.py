"""Dialtone: a calling-bot kit for Azure."""

from dialtone.dialogs import Call, CallBot, CallStateChange, Prompt, Recognition, Recording, RosterUpdate
from dialtone.errors import ActionFailed, ActivityFailed, CallEnded, DialtoneError

__version__ = "0.1.0"

__all__ = [
    "ActionFailed",
    "ActivityFailed",
    "Call",
    "CallBot",
    "CallEnded",
    "CallStateChange",
    "DialtoneError",
    "Prompt",
    "Recognition",
    "Recording",
    "RosterUpdate",
    "__version__",
]
