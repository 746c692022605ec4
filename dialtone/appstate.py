"""The appState of a call: what the platform carries for us from one callback to the next.

Written `<form><sequence>.<payload>.<signature>`, at most 1024 characters:

  form       `j` the history as JSON, `z` the same compressed, `s` spilled: the payload is empty and the history is
             in the journal, rows up to `sequence`
  sequence   the turn whose workflow this is; the callback that echoes it continues that turn
  payload    base64url without padding
  signature  HMAC-SHA256 over call id, form, sequence and payload, cut to 128 bits

A state is bound to its call: on another call the signature is wrong. It is not secret: the platform can read it.
"""

import binascii
import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dialtone.errors import AppStateRejected, ConfigurationError

LIMIT: Final = 1024
"""Characters that a platform carries (Skype Calling API, Workflow.AppState)."""

MIN_KEY_BYTES: Final = 32
_COMPRESS_FROM: Final = 160
_SIGNATURE_CHARS: Final = 22
_MAX_HISTORY_BYTES: Final = 1 << 20
# Words that every history has; text that is found here costs next to nothing.
_DICTIONARY: Final = (
    b'temporarySystemFailure"unknown"video"callerHungUp"worfklowValidationOutcome","playPromptOutcome","recordings/'
    b'"callTerminated"interdigitTimeout"completedSilenceDetected","completedStopToneDetected","incorrectDtmf"],["'
    b'initialSilenceTimeout"],["speechOptionMatched","yes","no"],["dtmfOptionMatched","]],"q":"","n":1,"x":1}'
    b'{"v":1,"t":17,"p":[["8:","29:","4:+",1,"en-US","en"],["28:",0]],"d":"/","a":{},"e":[["'
)


@dataclass(frozen=True, slots=True)
class AppState:
    """What an appState says: the turn it continues, and its history; None when that was spilled to the journal."""

    sequence: int
    history: str | None


class AppStateCodec:
    """Signs and reads appStates. The first key signs, all of them verify, so that keys can be rotated.

    Raises `ConfigurationError` for a key under 32 bytes or none at all.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) < MIN_KEY_BYTES for key in keys):
            raise ConfigurationError(
                f"the key that signs appState has fewer than {MIN_KEY_BYTES} bytes",
                field="DIALTONE_APPSTATE_KEY",
                fix="set it to the base64 of 32 random bytes; several keys are separated by commas, the newest first",
            )
        self._keys = tuple(keys)

    def encode(self, call_id: str, sequence: int, history: str) -> str:
        """The appState of a turn; a history that does not fit is left out (see `AppState.history`)."""
        plain = history.encode()
        form, payload = "j", plain
        if len(plain) >= _COMPRESS_FROM:
            packer = zlib.compressobj(level=6, wbits=-15, zdict=_DICTIONARY)
            form, payload = "z", packer.compress(plain) + packer.flush()
        state = self._signed(call_id, form, sequence, payload)
        return state if len(state) <= LIMIT else self._signed(call_id, "s", sequence, b"")

    def decode(self, call_id: str, state: str | None) -> AppState:
        """Read an appState that came back.

        Raises `AppStateRejected` when there is none, and when it was not written, as it is, for this call.
        """
        if not state:
            raise AppStateRejected(
                "the callback carries no appState",
                field="appState",
                fix="echo the appState of the last workflow; a new call begins with a Conversation",
            )
        head, _, rest = state.partition(".")
        payload, _, signature = rest.partition(".")
        form, number = head[:1], head[1:]
        # What came back may hold anything that a str can.
        signed, given = (text.encode(errors="surrogatepass") for text in (f"{call_id}\n{head}.{payload}", signature))
        if form not in ("j", "z", "s") or not any(
            hmac.compare_digest(_signature(key, signed), given) for key in self._keys
        ):
            raise AppStateRejected(
                "the appState was not written by this bot for this call",
                field="appState",
                fix="echo it byte for byte; when keys were rotated, keep the old one in DIALTONE_APPSTATE_KEY",
            )
        return AppState(int(number), None if form == "s" else _unpack(form, payload))

    def _signed(self, call_id: str, form: str, sequence: int, payload: bytes) -> str:
        body = f"{form}{sequence}.{urlsafe_b64encode(payload).rstrip(b'=').decode()}"
        signature = _signature(self._keys[0], f"{call_id}\n{body}".encode())
        return f"{body}.{signature.decode()}"


def keys_from_setting(setting: str, field: str = "DIALTONE_APPSTATE_KEY") -> list[bytes]:
    """Keys as the setting `field` has them: base64, by commas. Raises `ConfigurationError` for one that is not."""
    try:
        return [binascii.a2b_base64(part.strip(), strict_mode=True) for part in setting.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigurationError(f"a key is not base64: {error}", field=field, fix="write each key as base64") from None


def _signature(key: bytes, message: bytes) -> bytes:
    return urlsafe_b64encode(hmac.digest(key, message, "sha256")[:16])[:_SIGNATURE_CHARS]


def _unpack(form: str, payload: str) -> str:
    data = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    if form == "z":
        unpacker = zlib.decompressobj(wbits=-15, zdict=_DICTIONARY)
        data = unpacker.decompress(data, _MAX_HISTORY_BYTES)
    return data.decode()
