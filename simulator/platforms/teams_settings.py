"""What the simulated Teams tenant is, and what it does where Microsoft leaves it free."""

from dataclasses import dataclass, field

from simulator.platforms.rest import Fault, Json


@dataclass(frozen=True)
class TeamsSettings:
    """Times in seconds. "Documented": by Microsoft Graph's pages on cloud communications; else our choice."""

    tenant: str = "7c1d2e3f-0000-4000-8000-000000000001"
    app: str = "dialtone-lab"
    """The bot's app id: the audience of the tokens of notifications. Documented."""

    thumbprint: str = ""
    """SHA-256 of the app's certificate, base64url: what a token is asked for with has to name it. Empty for any."""

    legacy_first: bool = True
    """Whether a call's first post has the shape of the Skype Calling API. Documented that it may."""

    answer_s: float = 15.0
    """How long a call rings. Documented."""

    keep_alive_s: float = 45 * 60.0
    """How long a call lasts that is not kept alive. Documented."""

    waits_s: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Waits before each further try of a notification that had no 2xx. Documented that there are some."""

    request_timeout_s: float = 15.0
    lost_s: float = 1.0
    """How long until a notification, or its reply, that a fault has lost is given up: a connection that breaks."""

    establish_s: float = 0.5
    transfer_s: float = 2.0
    invite_s: float = 3.0
    beep_s: float = 0.25
    max_call_duration_s: float = 4 * 3600.0
    prompt_max_bytes: int = 8 * 1024 * 1024
    prompt_timeout_s: float = 10.0
    prompt_waits_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Waits before a file is asked for again that the bot could not give: a 5xx, a lost connection. Undocumented."""

    record_on_hang_up: bool = True
    """Whether a recording that a hang-up ends has its sound: completed, with mediaReceiveTimeout. Undocumented."""

    wants_status: bool = True
    """Whether a recording is refused unless updateRecordingStatus has said that there is one. Its terms want it."""

    duplicate: float = 0.0
    """Share of the notifications that are posted twice."""

    reorder: float = 0.0
    """Share of the notifications that are overtaken by the next one. Documented that it happens to states."""

    batch: bool = False
    """Whether notifications that are there at the same time are posted in one document."""

    unknown_notices: bool = False
    """Whether a notification of something that nobody knows is posted besides."""

    page: int = 50
    """Items of a page of a list."""

    faults: list[Fault] = field(default_factory=list)
    """Used up as they happen."""

    answers: Json = field(default_factory=dict)
    """What becomes of a call to, a transfer to, or an invitation of an identity: `busy`, `declined` or `absent`."""
