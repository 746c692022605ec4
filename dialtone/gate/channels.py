"""What each channel plays."""

from dataclasses import dataclass
from typing import Final

from dialtone.protocol.rules.limits import PLAYED_FILE_BYTES


@dataclass(frozen=True, slots=True)
class Channel:
    """`file_max` is the most bytes of a file that its platform fetches, 0 for no limit that is known; `speaks_ssml`
    says that it takes SSML. All of them play WAV of 16 bits, mono, at 16 kHz.
    """

    file_max: int = 0
    speaks_ssml: bool = False


CHANNELS: Final = {
    # Skype Calling API, playPrompt: WMA or WAV, at most 512 kB.
    "skype": Channel(file_max=PLAYED_FILE_BYTES),
    # ACS Call Automation, play: WAV (PCM, 16 bit, mono, 16 kHz) or MP3; text and SSML by Azure Speech.
    "acs": Channel(speaks_ssml=True),
    # Microsoft Graph, playPrompt: WAV (PCM, 16 bit, mono, 16 kHz).
    "teams": Channel(),
}
