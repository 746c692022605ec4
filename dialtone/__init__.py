"""Dialtone: a calling-bot kit for Azure."""

from typing import TYPE_CHECKING, Any

from dialtone.dialogs import (
    Action,
    Call,
    CallBot,
    CallRecording,
    CallStateChange,
    Defaults,
    DialogResult,
    Event,
    Joined,
    Library,
    MediaEnd,
    Meeting,
    MeetingRecording,
    Notices,
    Participant,
    ParticipantChange,
    Proceed,
    Prompt,
    Recognition,
    Recording,
    ResumeReason,
    RosterUpdate,
    Secret,
    Signal,
    User,
    phrase,
    translations,
)
from dialtone.dialogs.outside import signal_url
from dialtone.errors import ActionFailed, ActivityFailed, CallEnded, Canceled, DialtoneError, WorkflowError

if TYPE_CHECKING:
    from dialtone.media.messages import AudioFrame, VideoFrame
    from dialtone.media.stream import MediaError, Stream, StreamClosed

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ActionFailed",
    "ActivityFailed",
    "AudioFrame",
    "Call",
    "CallBot",
    "CallEnded",
    "CallRecording",
    "CallStateChange",
    "Canceled",
    "Defaults",
    "DialogResult",
    "DialtoneError",
    "Event",
    "Joined",
    "Library",
    "MediaEnd",
    "MediaError",
    "Meeting",
    "MeetingRecording",
    "Notices",
    "Participant",
    "ParticipantChange",
    "Proceed",
    "Prompt",
    "Recognition",
    "Recording",
    "ResumeReason",
    "RosterUpdate",
    "Secret",
    "Signal",
    "Stream",
    "StreamClosed",
    "User",
    "VideoFrame",
    "WorkflowError",
    "__version__",
    "phrase",
    "signal_url",
    "translations",
]

_MEDIA = {
    "AudioFrame": "messages",
    "MediaError": "stream",
    "Stream": "stream",
    "StreamClosed": "stream",
    "VideoFrame": "messages",
}


def __getattr__(name: str) -> Any:
    # A function that answers a callback has no streams, and a cold start should not pay 8 ms for them.
    if name not in _MEDIA:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"dialtone.media.{_MEDIA[name]}"), name)
