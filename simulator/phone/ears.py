"""Speech that is recognised against the words that a bot listens for, by pocketsphinx (the extra `dialtone[ears]`).

For demonstrations: of synthetic speech 96 % of yes and no were recognised, and about half of longer choices; hardly
anything else was taken for one of them (4 % and 1 %). So what was recognised is confirmed, and keys always work.

1. A grammar has the words that are listened for, and DECOYS: without those, nearly everything that is said would be
   taken for one of the words.
2. Words that the dictionary does not have cannot be recognised; a choice with such a word is left out.
3. A little noise is added: digital silence makes the recogniser deaf.
"""

import re
from importlib.util import find_spec
from threading import Lock
from typing import Any, Final

import numpy as np

DECOYS: Final = frozenset(
    re.findall(
        r"\w+",
        "about after again because before could every first from good have hello into know little maybe much never "
        "other people please really something thank their there thing think very what",
    )
)
_DITHER: Final = 12


class SphinxEars:
    """pocketsphinx with its own model of American English. One utterance at a time; threads wait for each other."""

    def __init__(self) -> None:
        self._decoder: Any = None
        self._lock = Lock()

    @staticmethod
    def installed() -> bool:
        """Whether the extra is installed."""
        return find_spec("pocketsphinx") is not None

    def recognise(self, pcm: bytes, words: tuple[str, ...]) -> str:
        """Which of `words` was said, as it is written there; empty for none of them."""
        with self._lock:
            spoken = {text: each for each in words if (text := self._speakable(each))}
            if not spoken or not pcm:
                return ""
            decoder = self._loaded()
            decoder.add_jsgf_string("words", _grammar(spoken))
            decoder.activate_search("words")
            decoder.start_utt()
            decoder.process_raw(_dithered(pcm), no_search=False, full_utt=True)
            decoder.end_utt()
            found = decoder.hyp()
        return spoken.get(found.hypstr, "") if found is not None else ""

    def _loaded(self) -> Any:
        if self._decoder is None:
            from pocketsphinx import Decoder

            self._decoder = Decoder(lm=None, loglevel="FATAL")
        return self._decoder

    def _speakable(self, words: str) -> str:
        """The words as the dictionary has them; empty when it has not all of them."""
        parts: list[str] = re.findall(r"[a-z']+", words.lower())
        known = parts and re.fullmatch(r"[\w\s',.!?-]+", words) and all(map(self._loaded().lookup_word, parts))
        return " ".join(parts) if known else ""


def _grammar(spoken: dict[str, str]) -> str:
    decoys = sorted(DECOYS - spoken.keys())
    return f"#JSGF V1.0;\ngrammar words;\npublic <said> = {' | '.join([*spoken, *decoys])};\n"


def _dithered(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.int32)
    noise = np.random.default_rng(0).integers(-_DITHER, _DITHER + 1, len(samples))
    return bytes((samples + noise).clip(-32768, 32767).astype("<i2"))
