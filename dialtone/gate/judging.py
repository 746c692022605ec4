"""Judges an upload; see `dialtone.gate`."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from dialtone.errors import BotError
from dialtone.gate import texts, wav
from dialtone.gate.channels import CHANNELS
from dialtone.gate.names import prompt_file

UPLOAD_MAX: Final = 16 * 1024 * 1024
"""Bytes of an upload: SECONDS_MAX of stereo at 24 bits and 22 kHz, or a minute at 48 kHz."""

SECONDS_MAX: Final = 120.0
RATE: Final = wav.RATE
NARROW_RATE: Final = 8_000
"""What a telephone line carries: for platforms that fetch small files only."""

_PUSH: Final = "upload it by `dialtone prompts push`, which converts it, or save it as WAV: PCM, 16 bit, mono, 16 kHz"
_NAMES_OF: Final = {
    "wav": "a WAV file",
    "mp3": "an MP3 file",
    "wma": "a WMA file",
    "ogg": "an Ogg file",
    "flac": "a FLAC file",
    "m4a": "an MP4 or M4A file",
    "aiff": "an AIFF file",
    "zip": "a ZIP archive",
    "html": "a web page",
    "pdf": "a PDF document",
    "image": "a picture",
    "ssml": "SSML",
    "text": "text",
    "": "no sound that is known here",
}


class Decoder(Protocol):
    """Something that reads compressed sound, and WAV of every kind."""

    def pcm(self, data: bytes, rate: int, seconds: float) -> bytes:
        """The sound as PCM of 16 bits, mono, at `rate`; no more than a little over `seconds` of it.

        Raises ValueError when it does not decode.
        """


@dataclass(frozen=True, slots=True)
class Good:
    """What is played. `ending` is `wav`, `ssml` or `txt`, and `data` that file.

    `text` is what is spoken where SSML is not, `seconds` and `level` (dB below full scale) are those of the sound,
    `narrow` is the sound at 8 kHz if some channel fetches no file as large as `data`.
    """

    ending: str
    data: bytes
    text: str = ""
    seconds: float = 0.0
    level: float = 0.0
    narrow: bytes = b""


def judge(
    file: str, data: bytes, *, decoder: Decoder | None = None, channels: Collection[str] = tuple(CHANNELS)
) -> Good:
    """What is played for an upload. Raises BotError, whose fix says what to do.

    `file` is its name; `channels` are those that have to play it.
    """
    ending = prompt_file(file).ending
    if len(data) > UPLOAD_MAX:
        raise too_large(len(data))
    if not data.strip(b"\0 \r\n\t"):
        raise _bad("EMPTY", "the file is empty", "upload it again; if it is empty on your disk too, save it anew")
    _check_label(file, ending, data)
    if ending == "txt":
        text = texts.read_text(data)
        return Good("txt", text.encode(), text)
    if ending == "ssml":
        return Good("ssml", *texts.read_ssml(data))
    return _sound(ending, data, decoder, channels)


def too_large(size: int) -> BotError:
    """The refusal of an upload of so many bytes."""
    most = UPLOAD_MAX // (1024 * 1024)
    return _bad(
        "HUGE",
        f"the file has {size:,} bytes, {most} MB are read",
        "save it as WAV: PCM, 16 bit, mono, 16 kHz, which is 32 kB a second",
    )


def _sound(ending: str, data: bytes, decoder: Decoder | None, channels: Collection[str]) -> Good:
    if ending == "wav":
        sound = wav.read(data)
        pcm = sound.pcm
        if not sound.plain:
            if decoder is None:
                raise _bad("FORMAT", f"it is {sound.told}; what is played is {wav.PLAIN}", _PUSH)
            pcm = _decoded(decoder, data)
    elif decoder is None:
        kind = ending.upper()
        raise _bad("UNJUDGED", f"{kind} is compressed, and this machine has no decoder to judge it by", _PUSH)
    else:
        pcm = _decoded(decoder, data)
    seconds = len(pcm) / (2 * RATE)
    if seconds > SECONDS_MAX:
        raise _bad(
            "LONG",
            f"it lasts more than {SECONDS_MAX:g} s",
            "make it shorter: nobody listens to it for so long, or split it into several prompts",
        )
    level = wav.check(pcm)
    whole = wav.write(pcm, RATE)
    return Good("wav", whole, seconds=seconds, level=level, narrow=_narrow(whole, seconds, decoder, channels))


def _decoded(decoder: Decoder, data: bytes) -> bytes:
    try:
        pcm = decoder.pcm(data, RATE, SECONDS_MAX)
    except ValueError as error:
        raise _bad(
            "BROKEN", f"it does not decode: {error}", "save it anew, and listen to it before it is uploaded"
        ) from None
    if not pcm:
        raise _bad("BROKEN", "it decodes to nothing", "save it anew, and listen to it before it is uploaded")
    return pcm


def _narrow(whole: bytes, seconds: float, decoder: Decoder | None, channels: Collection[str]) -> bytes:
    """The sound for those channels that do not fetch all of `whole`; empty when every one does."""
    limits = {name: CHANNELS[name].file_max for name in channels if name in CHANNELS}
    tight = [name for name, most in limits.items() if most and len(whole) > most]
    if not tight:
        return b""
    most = min(limits[name] for name in tight)
    longest = (most - wav.HEADER) // (2 * NARROW_RATE)
    without = f"or leave {', '.join(tight)} out of DIALTONE_PROMPT_CHANNELS if no call comes from there"
    too_long = f"it lasts {seconds:.0f} s, which is more than the {most // 1000} kB that {', '.join(tight)} plays"
    if wav.HEADER + seconds * 2 * NARROW_RATE > most:
        raise _bad("LONG", too_long, f"make it shorter than {longest} s, {without}")
    if decoder is None:
        shorter = (most - wav.HEADER) // (2 * RATE)
        smaller = "upload it by `dialtone prompts push`, which makes a smaller file"
        raise _bad("LONG", too_long, f"{smaller}, make it shorter than {shorter} s, {without}")
    return wav.write(decoder.pcm(whole, NARROW_RATE, SECONDS_MAX), NARROW_RATE)


def _check_label(file: str, ending: str, data: bytes) -> None:
    """Whether the bytes are what the ending says, as far as their beginning tells."""
    kind = _kind_of(data)
    if kind == ending or (ending == "txt" and kind in ("", "text")) or (ending == "ssml" and kind in ("text", "")):
        return
    if kind == "" and ending in ("mp3", "wma"):
        return  # a decoder knows more beginnings than this list
    if kind in ("mp3", "wma", "wav", "ssml"):
        stem = file.rpartition(".")[0]
        fix = f"name it {stem}.{kind}"
    elif kind == "text" and ending not in ("txt", "ssml"):
        fix = "upload the sound; if the text is what you mean, name it .txt"
    else:
        fix = "save it as WAV: PCM, 16 bit, mono, 16 kHz, and upload that"
    raise _bad("MISLABELED", f"its name says {ending}, and it is {_NAMES_OF[kind]}", fix)


_STARTS: Final = (
    (b"ID3", "mp3"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "wma"),
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"FORM", "aiff"),
    (b"PK\x03\x04", "zip"),
    (b"%PDF", "pdf"),
    (b"\x89PNG", "image"),
    (b"GIF8", "image"),
    (b"\xff\xd8\xff", "image"),
)


def _kind_of(data: bytes) -> str:
    """What the beginning of a file says that it is; empty when it says nothing."""
    head = data[:512]
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "m4a"
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if wav.is_mpeg_frame(head):
        return "mp3"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if b"<speak" in start and start.startswith(b"<"):
        return "ssml"
    try:
        shown = head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut at the end of the head.
        shown = head[: error.start].decode() if error.start > len(head) - 4 and len(data) > len(head) else ""
    return (
        "text" if shown and all(character.isprintable() or character in "\r\n\t\ufeff" for character in shown) else ""
    )


def _bad(code: str, message: str, fix: str) -> BotError:
    return BotError(message, field="data", fix=fix, code=f"PROMPT_{code}")
