"""What the simulated ACS resource is, and what it does where Microsoft leaves it free."""

from dataclasses import dataclass, field

from simulator.platforms.rest import Fault, Json


@dataclass(frozen=True)
class AcsSettings:
    """Times in seconds. "Documented": by Microsoft's pages on Call Automation and Event Grid; else our choice."""

    access_key: bytes = b"kit-local-key-00000000000000000"
    resource_id: str = "7c1d2e3f-0000-4000-8000-00000000abcd"
    """The immutable id of the resource: the audience of its tokens. Documented."""

    number: str = "+15550199"
    """The number of the resource, which calls and is called."""

    bot: str = ""
    """The identity by which the bot is in rosters; empty: the number that it was called by, or calls from."""

    teams_account: str = ""
    """The Teams resource account that is called, by its object id: Teams Phone Extensibility. Empty for none."""

    strict: bool = False
    """Whether signatures grow old, and tokens of Entra have to be among `bearer_tokens`."""

    bearer_tokens: frozenset[str] = frozenset()

    cloud_events: bool = False
    """The schema of Event Grid's deliveries; its own by default."""

    grid_waits_s: tuple[float, ...] = (10.0, 30.0)
    """Waits before each further try of Event Grid's. Documented; a call rings no longer than two tries."""

    callback_waits_s: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Waits before each further try of a callback that had no 2xx. That there are some is documented, not how many."""

    request_timeout_s: float = 30.0
    """How long the bot may take for a reply, in real time. Documented for Event Grid."""

    ring_s: float = 30.0
    """How long a call rings. Documented."""

    redirect_s: float = 1.0
    """Time from a redirection to the next ring; without any, two bots that redirect to each other would hang us."""

    lost_s: float = 1.0
    """How long until a request, or a reply, that a fault has lost is given up: a connection that breaks."""

    transfer_s: float = 2.0
    max_call_duration_s: float = 4 * 3600.0
    initial_silence_s: float = 5.0
    """Documented, as are the next two."""

    inter_tone_s: float = 2.0
    end_silence_s: float = 0.5
    prompt_max_bytes: int = 8 * 1024 * 1024
    prompt_timeout_s: float = 10.0
    prompt_waits_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Waits before a file is asked for again that the bot could not give: a 5xx, a lost connection. Undocumented."""

    recordings_kept_s: float = 24 * 3600.0
    """How long a recording can be fetched. Documented."""

    token_life_s: float = 300.0
    """Documented."""

    issuer: str = "https://acscallautomation.communication.azure.com"
    """Documented."""

    duplicate: float = 0.0
    """Share of the events that are posted twice, with the same id. That it happens is documented."""

    reorder: float = 0.0
    """Share of the events that are overtaken by the next one. That it happens is documented."""

    batch: bool = False
    """Whether events that are there at the same time are posted in one array."""

    unknown_events: bool = False
    """Whether a type of event that nobody knows is posted besides."""

    open_streams: bool = True
    """Whether media streams are opened, or only said to be."""

    reply_delay_s: float = 0.0
    """Real time between doing a command and its reply: an event may come before it."""

    faults: list[Fault] = field(default_factory=list)
    """Used up as they happen."""

    answers: Json = field(default_factory=dict)
    """What becomes of a call to, or a transfer to, a rawId: `busy`, `declined` or `absent`; it is taken by default."""
