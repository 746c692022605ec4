"""The gate that a prompt has to pass before a caller can hear it.

`judge` reads what an operator uploaded and gives what is played, or raises BotError: a code, the reason and the fix.

| code              | what is wrong                                                                          |
|-------------------|----------------------------------------------------------------------------------------|
| PROMPT_NAME       | the file's name is none of a prompt                                                    |
| PROMPT_EMPTY      | there is nothing in it                                                                 |
| PROMPT_HUGE       | it has more than UPLOAD_MAX bytes                                                      |
| PROMPT_MISLABELED | it is something else than its ending says                                              |
| PROMPT_BROKEN     | it does not decode                                                                     |
| PROMPT_TRUNCATED  | it ends before it should                                                               |
| PROMPT_FORMAT     | no platform plays this format of WAV, and no converter is installed here               |
| PROMPT_UNJUDGED   | it is compressed, and no decoder is installed here                                     |
| PROMPT_SHORT      | it is over before anybody hears it                                                     |
| PROMPT_LONG       | it lasts longer than SECONDS_MAX, or is more than a platform fetches                   |
| PROMPT_SILENT     | there is nothing to be heard in it                                                     |
| PROMPT_QUIET      | it is too quiet to be understood on a telephone                                        |
| PROMPT_CLIPPED    | it was recorded too loud: its peaks are cut off                                        |
| PROMPT_GAP        | it is silent for so long that a caller takes the line for dead                         |
| PROMPT_TEXT       | the text cannot be spoken: not UTF-8, too long, characters that control something      |
| PROMPT_SSML       | the SSML is not well-formed, or has what is not allowed in it                          |

1. What goes live is of three kinds: WAV (PCM, 16 bit, mono, 16 kHz), text, SSML. Everything else is converted to the
   first, by a `Decoder` where there is one; without one it is refused, and the fix says how to convert it.
2. What is judged is what is played: the sound after conversion, the text as it is sent. Judged again, it is the same.
3. The gate itself is plain Python: it needs no codec. What a stranger wrote is never run, fetched or expanded.
"""

from dialtone.gate.channels import CHANNELS, Channel
from dialtone.gate.judging import SECONDS_MAX, UPLOAD_MAX, Good, judge
from dialtone.gate.names import ENDINGS, PromptFile, prompt_file, read_name

__all__ = [
    "CHANNELS",
    "ENDINGS",
    "SECONDS_MAX",
    "UPLOAD_MAX",
    "Channel",
    "Good",
    "PromptFile",
    "judge",
    "prompt_file",
    "read_name",
]
