"""The programming model: bots, calls, and the replay engine that runs them. Pure: no network, clock or disk."""

from dialtone.dialogs.asking import Recognition, Recording
from dialtone.dialogs.attending import MeetingRecording
from dialtone.dialogs.bot import CallBot
from dialtone.dialogs.call import Call, Signal
from dialtone.dialogs.commanding import CallRecording, Joined
from dialtone.dialogs.data import BagChange, BagKey
from dialtone.dialogs.engine import finish_activity, take_turn
from dialtone.dialogs.history import CallFacts, History
from dialtone.dialogs.language import translations
from dialtone.dialogs.library import Library
from dialtone.dialogs.options import Defaults, Notices
from dialtone.dialogs.participants import ParticipantChange
from dialtone.dialogs.phrases import phrase
from dialtone.dialogs.prompts import Prompt
from dialtone.dialogs.requests import Load, Look, Place, StoredRecording
from dialtone.dialogs.results import DialogResult, ResumeReason
from dialtone.dialogs.secret import Secret
from dialtone.dialogs.stack import Proceed
from dialtone.dialogs.streaming import MediaEnd
from dialtone.dialogs.turn import Activity, Event, Lost, Placed, Signalled, Turn
from dialtone.dialogs.user import User
from dialtone.protocol import Action, CallStateChange, Meeting, Participant, RosterUpdate

__all__ = [
    "Action",
    "Activity",
    "BagChange",
    "BagKey",
    "Call",
    "CallBot",
    "CallFacts",
    "CallRecording",
    "CallStateChange",
    "Defaults",
    "DialogResult",
    "Event",
    "History",
    "Joined",
    "Library",
    "Load",
    "Look",
    "Lost",
    "MediaEnd",
    "Meeting",
    "MeetingRecording",
    "Notices",
    "Participant",
    "ParticipantChange",
    "Place",
    "Placed",
    "Proceed",
    "Prompt",
    "Recognition",
    "Recording",
    "ResumeReason",
    "RosterUpdate",
    "Secret",
    "Signal",
    "Signalled",
    "StoredRecording",
    "Turn",
    "User",
    "finish_activity",
    "phrase",
    "take_turn",
    "translations",
]
