"""Limits, defaults and sets of the calling contract.

Sources: Microsoft's C# contract (BotBuilder-Calling) for limits, ranks and defaults, save where a line says otherwise;
"the document" is the Skype Calling API's.
"""

from typing import Final

from dialtone.protocol.enums import RecordingFormat

APP_STATE_MAX: Final = 1024
PROMPT_TEXT_MAX: Final = 2048
PROMPT_SILENCE_MAX_MS: Final = 60_000
RECORD_DURATION_S: Final = (2, 600)
INITIAL_SILENCE_S: Final = (1, 30)
MAX_SILENCE_S: Final = (0, 30)
INTERDIGIT_S: Final = (1, 5)
DIGITS_MAX: Final = (1, 20)
STOP_TONES_MAX: Final = 5
WORDS_MAX: Final = 5
DTMF: Final = frozenset("0123456789*#ABCD")
CULTURE: Final = "en-US"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that a link of a bot under development may name by http (this kit's own rule)."""

TRANSFER_KINDS: Final = ("8:", "29:")
"""How the identity of a transfer's target begins; the contract of 2016 took only the first."""

PHONE_KIND: Final = "4:"
"""How a telephone's identity begins. The Skype platform transfers to none; other channels do."""

LEG_METADATA_MAX: Final = 1024
"""Characters of a placeCall's participantLegMetadata."""

# BotBuilder-RealTimeMediaCalling.
MEDIA_CONFIGURATION_MAX: Final = 1024
VIDEO_SOCKETS: Final = (0, 9)

# The kit's own actions: limits of Azure Communication Services.
IDENTITY_KINDS: Final = ("4:", "8:", "28:", "29:")
"""How the identity begins of somebody whom an action is about."""
INVITATION_S: Final = (1, 180)
TONES_SENT_MAX: Final = 18

RANKS: Final = {
    "reject": -2,
    "answer": 1,
    "playPrompt": 2,
    "record": 2,
    "recognize": 2,
    "transfer": 2,
    "hangup": 3,
}
STANDALONE: Final = frozenset({"reject", "redirect"})
REPEATABLE: Final = frozenset({"playPrompt"})

# Defaults of members that are left out. maxSilenceTimeout: the document says 5, a remark in C# says 1;
# this kit always sends it.
RECORD_DURATION_DEFAULT_S: Final = 180
PLAYED_FILE_BYTES: Final = 512_000
INITIAL_SILENCE_DEFAULT_S: Final = 5
MAX_SILENCE_DEFAULT_S: Final = 5
INTERDIGIT_DEFAULT_S: Final = 1
RECORDING_FORMAT_DEFAULT: Final = RecordingFormat.WMA
