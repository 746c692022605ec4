"""Dialtone: a calling-bot kit for Azure."""

from dialtone.dialogs import (
    Action,
    Call,
    CallBot,
    CallStateChange,
    Defaults,
    DialogResult,
    Event,
    Library,
    Notices,
    Participant,
    Proceed,
    Prompt,
    Recognition,
    Recording,
    ResumeReason,
    RosterUpdate,
    Signal,
    User,
    phrase,
    translations,
)
from dialtone.dialogs.outside import signal_url
from dialtone.errors import ActionFailed, ActivityFailed, CallEnded, Canceled, DialtoneError, WorkflowError

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ActionFailed",
    "ActivityFailed",
    "Call",
    "CallBot",
    "CallEnded",
    "CallStateChange",
    "Canceled",
    "Defaults",
    "DialogResult",
    "DialtoneError",
    "Event",
    "Library",
    "Notices",
    "Participant",
    "Proceed",
    "Prompt",
    "Recognition",
    "Recording",
    "ResumeReason",
    "RosterUpdate",
    "Signal",
    "User",
    "WorkflowError",
    "__version__",
    "phrase",
    "signal_url",
    "translations",
]
