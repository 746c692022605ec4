"""What a platform does where its contract leaves it free, and what a test may want to be otherwise."""

from dataclasses import dataclass

from dialtone.protocol import MISSPELT_VALIDATION, RecordingFormat, rules


@dataclass(frozen=True)
class PlatformSettings:
    """Settings of the simulated platform; times in seconds.

    "Documented": by the Skype Calling API or by Microsoft's C# contract. "Undocumented": the simulator's choice.
    """

    retries: int = 3
    """How often a request is repeated after a 5xx, a time-out or a lost connection. Documented that it is; the
    number is undocumented."""

    retry_spacing_s: float = 1.0
    """Time between two attempts. Undocumented."""

    request_timeout_s: float = 10.0
    """How long the bot may take to reply, in real time. Undocumented."""

    idle_timeout_s: float = 30.0
    """How long an established or ringing call lasts when the bot replied with nothing to do. Undocumented."""

    max_call_duration_s: float = 4 * 3600.0
    """How long a call lasts. Documented that there is a limit; the number is undocumented."""

    max_workflows: int | None = None
    """How many workflows a call may have; None for any number. Undocumented; about 13 were seen."""

    max_workflows_at_once: int = 20
    """How many workflows in a row may take no time at all, before the platform takes it for a loop. Undocumented."""

    prompt_file_max_bytes: int = 1024 * 1024
    """Largest prompt file. Documented: 1 MiB in the C# contract, where the API promises 512 kB."""

    prompt_file_timeout_s: float = 10.0
    """How long fetching a prompt file may take, in real time. Documented (C# contract)."""

    beep_s: float = 0.25
    """Length of the beep before a recording. Undocumented."""

    transfer_s: float = 2.0
    """How long the target of a transfer rings. Undocumented."""

    initial_silence_s: float = rules.INITIAL_SILENCE_DEFAULT_S
    """Silence that is waited for when an action does not say. Documented."""

    max_silence_s: float = rules.MAX_SILENCE_DEFAULT_S
    """Silence that ends a recording when the action does not say. Documented as 5, in a C# remark as 1."""

    interdigit_s: float = rules.INTERDIGIT_DEFAULT_S
    """Time between two digits when the action does not say. Documented."""

    record_duration_s: float = rules.RECORD_DURATION_DEFAULT_S
    """Longest recording when the action does not say. Documented."""

    recording_format: RecordingFormat = rules.RECORDING_FORMAT_DEFAULT
    """Format of a recording when the action does not say. Documented."""

    validation_outcome: str = MISSPELT_VALIDATION
    """Type of the outcome of an illegal workflow: misspelt in the C# contract, which the platform itself used;
    correctly spelt in the document."""

    bot_identity: str = "28:simulated-bot"
    """The bot as a participant of the call. The prefix is documented."""

    call_prefix: str = ""
    """Beginning of a call's id, which is opaque to a bot."""

    call_link: str = "https://simulator.invalid/platform/v1/calls/"
    """Beginning of `links.call`; the call's id follows. The path was seen; the host is one that never resolves."""
