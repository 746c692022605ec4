"""Dialtone: a calling-bot kit for Azure."""

from dialtone.dialogs import Call, CallBot, Prompt, Recognition, Recording
from dialtone.errors import ActionFailed, ActivityFailed, CallEnded, DialtoneError

__version__ = "0.1.0"

__all__ = [
    "ActionFailed",
    "ActivityFailed",
    "Call",
    "CallBot",
    "CallEnded",
    "DialtoneError",
    "Prompt",
    "Recognition",
    "Recording",
    "__version__",
]
