import pytest

from simulator import audio, speech
from simulator.phone.ears import DECOYS, SphinxEars

WORDS = ("Sales", "message", "leave a message")


@pytest.fixture(scope="module")
def ears() -> SphinxEars:
    assert SphinxEars.installed()
    return SphinxEars()


def spoken(text: str) -> bytes:
    return audio.silence(0.3) + speech.synthesize(text, speech.MALE) + audio.silence(0.5)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_recognised_as_it_is_written(ears: SphinxEars, word: str) -> None:
    assert ears.recognise(spoken(word), WORDS) == word


@pytest.mark.parametrize("text", ["banana", "My dog is brown.", "What is the weather?", "support"])
def test_something_else_is_none_of_them(ears: SphinxEars, text: str) -> None:
    assert ears.recognise(spoken(text), WORDS) == ""


def test_what_cannot_be_recognised(ears: SphinxEars) -> None:
    assert ears.recognise(spoken("sales"), ("Grüezi", "xyzzyx", "4711", "")) == ""
    assert ears.recognise(spoken("sales"), ("Grüezi", "sales")) == "sales"
    assert ears.recognise(b"", WORDS) == ""
    assert ears.recognise(audio.silence(1), WORDS) == ""


def test_a_decoy_may_be_a_word_too(ears: SphinxEars) -> None:
    assert "people" in DECOYS
    assert ears.recognise(spoken("people"), ("people", "sales")) == "people"
