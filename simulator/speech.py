"""Text to speech with espeak-ng. The one module that loads it, when it is first asked to speak.

espeak-ng is GPL-3 and comes with the development extra `dialtone[local]` (espeakng-loader); nothing that is
deployed imports this module.

1. The same text and voice give the same samples, whatever was said before: the library's own state moves on with
   every utterance, so each one gets the library freshly loaded (about 1.5 ms).
2. The library speaks for one thread at a time.
"""

import ctypes
import re
import sys
from functools import lru_cache
from html import unescape
from pathlib import Path
from threading import Lock
from typing import Any, Final

from simulator import audio

MALE: Final = "en-us"
FEMALE: Final = "en-us+f2"
CALLER: Final = "en-us+f4"
"""The caller's voice differs from the platform's, so that a recording can be told from a prompt."""

_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_KEPT: Final = 256
_LOCK: Final = Lock()
_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class SpeechUnavailable(RuntimeError):
    """espeak-ng is not installed, or has no such voice."""


@lru_cache(maxsize=_KEPT)
def synthesize(text: str, voice: str = MALE) -> bytes:
    """`text` spoken by an espeak-ng voice, as PCM; the last 256 are kept.

    Raises `SpeechUnavailable` without the extra `dialtone[local]`, or for a voice that espeak-ng does not have.
    """
    with _LOCK:
        rate, samples = _speak(text, voice)
    return audio.resample(samples, rate) if samples else b""


def of_ssml(ssml: str) -> tuple[str, str]:
    """The words of SSML, and the voice that speaks them."""
    words = re.sub(r"<[^>]*>", "", ssml)
    return unescape(words), FEMALE if "Ava" in ssml else MALE


def _speak(text: str, voice: str) -> tuple[int, bytes]:
    try:
        import espeakng_loader
    except ImportError:
        raise SpeechUnavailable("speech needs espeak-ng: pip install 'dialtone[local]'") from None
    parts: list[bytes] = []

    def keep(samples: Any, count: int, _events: object) -> int:
        if samples and count > 0:
            parts.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _CALLBACK(keep)
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        data = str(Path(espeakng_loader.get_data_path()).parent)
        rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), 0))
        if rate <= 0:
            raise SpeechUnavailable("espeak-ng does not find its data: reinstall 'dialtone[local]'")
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SpeechUnavailable(f"espeak-ng has no voice {voice!r}; use one such as {MALE!r}")
        library.espeak_SetSynthCallback(callback)
        written = text.encode() + b"\0"
        library.espeak_Synth(written, ctypes.c_size_t(len(written)), 0, 0, 0, _UTF8, None, None)
        library.espeak_Terminate()
    finally:
        _unload(library)
    return rate, b"".join(parts)


def _unload(library: ctypes.CDLL) -> None:
    if sys.platform == "win32":
        ctypes.windll.kernel32.FreeLibrary(ctypes.c_void_p(library._handle))
    else:
        ctypes.CDLL(None).dlclose(ctypes.c_void_p(library._handle))
