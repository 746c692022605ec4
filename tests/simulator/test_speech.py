import sys

import pytest

from simulator import audio, speech
from tests.simulator.test_audio import level


def test_text_becomes_sound() -> None:
    sound = speech.synthesize("Press one for sales, press two for support.")
    assert 1.5 < audio.seconds_of(sound) < 4
    assert level(sound) > 500


def test_the_same_text_is_the_same_sound_whatever_was_said_before() -> None:
    speak = speech.synthesize.__wrapped__
    first = speak("Press one.")
    speak("Something else entirely.", speech.FEMALE)
    assert speak("Press one.") == first


def test_voices_differ() -> None:
    assert len({speech.synthesize("Hello.", voice) for voice in (speech.MALE, speech.FEMALE, speech.CALLER)}) == 3


def test_a_voice_that_is_not_there() -> None:
    with pytest.raises(speech.SpeechUnavailable, match="no voice 'zz'"):
        speech.synthesize("Hello.", "zz")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(speech.SpeechUnavailable, match=r"dialtone\[local\]"):
        speech.synthesize("Not said before.")
