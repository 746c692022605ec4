"""What can be heard in frames of sound: speech, keys in the sound itself, and how loud it is. And tones to send.

1. Speech is told by WebRTC's detector, frame by frame. Somebody begins to speak with 3 voiced frames of the last 4, and
   ends after END_FRAMES frames of which none was voiced: 60 ms of speech, half a second of silence.
2. A key is two tones, one of four low frequencies and one of four high ones (ITU-T Q.23). A frame has a key if both
   have most of its energy, none is 8 dB louder than the other, and the next one of their groups is 6 dB below; a key
   is heard with the second such frame in a row (40 ms), and once until it is let go.
"""

from typing import Final

import numpy as np
import webrtcvad

from dialtone.media.messages import AudioFrame, Dtmf, Voice
from dialtone.media.stream import MediaError

BEGIN_FRAMES: Final = 3
BEGIN_OF: Final = 4
END_FRAMES: Final = 25
AGGRESSIVENESS: Final = 2
"""Of WebRTC's detector, 0 to 3: how much it takes for noise."""

LOW: Final = (697, 770, 852, 941)
HIGH: Final = (1209, 1336, 1477, 1633)
KEYS: Final = "123A456B789C*0#D"
QUIET: Final = 100.0
"""The root of the mean square below which a frame has no key: -50 dB of full scale."""

SILENCE_DB: Final = -96.0


class VoiceDetector:
    """Hears who speaks, in a stream of this many samples a second (rule 1)."""

    MAX_SPEAKERS: Final = 64

    def __init__(self, rate: int) -> None:
        # The detector knows 8, 16 and 32 kHz. For speech, the mean of three samples of 24 kHz is as good.
        self._thin = rate == 24_000
        self._rate = 8_000 if self._thin else rate
        self._speakers: dict[str | None, _Speaker] = {}

    def hear(self, frame: AudioFrame) -> Voice | None:
        """Say whether somebody begins or ends to speak with this frame."""
        speaker = self._speakers.get(frame.participant)
        if speaker is None:
            if len(self._speakers) >= self.MAX_SPEAKERS:
                return None
            speaker = self._speakers[frame.participant] = _Speaker()
        pcm = _thinned(frame.pcm) if self._thin else frame.pcm
        if not speaker.follow(not frame.silent and speaker.vad.is_speech(pcm, self._rate)):
            return None
        return Voice(speaker.speaking, frame.participant)


class _Speaker:
    __slots__ = ("_last", "_quiet", "speaking", "vad")

    def __init__(self) -> None:
        # It learns what the noise of its speaker is like.
        self.vad = webrtcvad.Vad(AGGRESSIVENESS)
        self.speaking = False
        self._quiet = 0
        self._last = 0

    def follow(self, voiced: bool) -> bool:
        """Whether `speaking` has changed. `_last` has a bit for each of the last frames."""
        self._last = (self._last << 1 | voiced) & ((1 << BEGIN_OF) - 1)
        if self.speaking:
            self._quiet = 0 if voiced else self._quiet + 1
            if self._quiet >= END_FRAMES:
                self.speaking = False
                self._last = 0
                return True
        elif voiced and self._last.bit_count() >= BEGIN_FRAMES:
            self.speaking, self._quiet = True, 0
            return True
        return False


class KeyDetector:
    """Hears keys in the sound of one speaker (rule 2)."""

    def __init__(self, rate: int) -> None:
        samples = rate // 50
        turns = 2j * np.pi * np.outer(LOW + HIGH, np.arange(samples)) / rate
        self._filters = np.exp(-turns).astype(np.complex64) * (np.sqrt(2) / samples)
        self._heard = ""
        self._told = False

    def hear(self, frame: AudioFrame) -> Dtmf | None:
        """Say the key that is heard with this frame, if one is."""
        key = self._key(np.frombuffer(frame.pcm, "<i2").astype(np.float32))
        if key != self._heard:
            self._heard, self._told = key, False
            return None
        if not key or self._told:
            return None
        self._told = True
        return Dtmf(key, frame.timestamp, frame.participant)

    def _key(self, samples: np.ndarray) -> str:
        total = float(samples @ samples) / len(samples)
        if total < QUIET * QUIET:
            return ""
        power = np.abs(self._filters @ samples) ** 2
        low, high = power[:4], power[4:]
        row, column = int(low.argmax()), int(high.argmax())
        one, other = float(low[row]), float(high[column])
        alone = one >= 4 * _next(low, row) and other >= 4 * _next(high, column)
        if not alone or one + other < 0.7 * total or not 1 / 6.3 <= one / other <= 6.3:
            return ""
        return KEYS[4 * row + column]


def level(pcm: bytes) -> float:
    """How loud it is, in dB of full scale: 0 is the loudest square wave, SILENCE_DB is silence."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    mean = float(samples @ samples) / max(len(samples), 1)
    return max(SILENCE_DB, 10 * float(np.log10(mean / 32768**2))) if mean else SILENCE_DB


def tone(what: str | float, seconds: float, rate: int, volume: float = 0.25) -> bytes:
    """A key (one of its characters) or a frequency in Hz, for so long, `volume` of full scale, 5 ms of it fading.

    Raises MediaError for what is neither.
    """
    if isinstance(what, str):
        if len(what) != 1 or what.upper() not in KEYS:
            raise MediaError(f"{what!r} is not a key; use one of {KEYS}, or a frequency in Hz")
        row, column = divmod(KEYS.index(what.upper()), 4)
        frequencies: tuple[float, ...] = (LOW[row], HIGH[column])
    else:
        frequencies = (what,)
    if not all(0 < frequency < rate / 2 for frequency in frequencies) or not 0 < seconds <= 60 or not 0 < volume <= 1:
        raise MediaError(f"a tone is above 0 and below {rate // 2} Hz, up to 60 seconds, with a volume of up to 1")
    count = int(seconds * rate)
    time = np.arange(count) / rate
    wave = sum(np.sin(2 * np.pi * frequency * time) for frequency in frequencies) / len(frequencies)
    fade = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.005 * rate))
    sound: bytes = np.rint(wave * fade * volume * 32767).astype("<i2").tobytes()
    return sound


def _next(group: np.ndarray, best: int) -> float:
    return float(max(value for index, value in enumerate(group) if index != best))


def _thinned(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, "<i2").reshape(-1, 3)
    thin: bytes = (samples.astype(np.int32).sum(axis=1) // 3).astype("<i2").tobytes()
    return thin
