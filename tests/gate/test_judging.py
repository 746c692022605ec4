import wave
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.errors import BotError
from dialtone.gate import Good, judge
from dialtone.gate.decoding import PyAv, installed_decoder
from simulator.audio import encode
from tests.gate.uploads import BAD, GOOD, STEREO
from tests.sounds import RATE, SSML, pcm, tone, wav


@pytest.mark.parametrize("case", BAD)
def test_what_is_bad_is_refused_with_its_fix(case: str) -> None:
    file, data, code, fix = BAD[case]
    with pytest.raises(BotError) as refusal:
        judge(file, data)
    assert refusal.value.code == code
    assert fix in refusal.value.fix
    assert len(refusal.value.message) > 10


def test_there_are_thirty_bad_and_ten_good() -> None:
    assert len(BAD) >= 30
    assert len(GOOD) >= 10


@pytest.mark.parametrize("case", GOOD)
def test_what_is_good_is_played_and_is_good_again(case: str) -> None:
    file, data = GOOD[case]
    good = judge(file, data)
    again = judge(f"again.{good.ending}", good.data)
    assert again == good


def test_sound_is_as_it_was_in_the_file() -> None:
    good = judge("a.wav", wav(pcm(0.5), before=b"junk\x03\x00\x00\x00abc\x00"))
    with wave.open(BytesIO(good.data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.readframes(RATE) == pcm(0.5)
    assert len(good.data) == 44 + len(pcm(0.5))
    assert good.seconds == 0.5
    assert -20 < good.level < -10


def test_text_of_ssml_is_what_is_spoken_where_ssml_is_not() -> None:
    good = judge("a.ssml", b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- of May -->' + SSML.encode())
    assert good == Good("ssml", SSML.encode(), "Welcome to Contoso. Press 1.")
    assert judge("a.ssml", SSML.replace("Contoso", '<sub alias="the works">W</sub>').encode()).text.startswith(
        "Welcome to the works."
    )


class TestDecoder:
    """Where PyAV is installed, what is only in the wrong format is converted."""

    @pytest.mark.parametrize("ending", ["mp3", "wma"])
    def test_compressed_sound_is_converted(self, ending: str) -> None:
        good = judge(f"a.{ending}", encode(pcm(2.0), ending), decoder=PyAv())
        assert good.ending == "wav"
        assert abs(good.seconds - 2.0) < 0.1
        assert judge("a.wav", good.data) == good

    @pytest.mark.parametrize(
        "data",
        [wav(pcm(2.0, rate=44_100), rate=44_100), wav(STEREO * 2, channels=2)],
        ids=["44.1 kHz", "stereo"],
    )
    def test_other_wav_is_converted(self, data: bytes) -> None:
        good = judge("a.wav", data, decoder=PyAv())
        assert abs(good.seconds - 2.0) < 0.05

    def test_other_wav_that_is_cut_is_not_converted(self) -> None:
        with pytest.raises(BotError) as refusal:
            judge("a.wav", wav(STEREO * 2, channels=2)[:-20_000], decoder=PyAv())
        assert refusal.value.code == "PROMPT_TRUNCATED"

    def test_long_sound_has_a_narrow_copy_for_those_who_fetch_little(self) -> None:
        sound = wav(pcm(1.0) * 20)
        good = judge("a.wav", sound, decoder=PyAv())
        assert len(good.data) > 512_000 > len(good.narrow)
        with wave.open(BytesIO(good.narrow)) as file:
            assert file.getframerate() == 8_000
            assert abs(file.getnframes() / 8_000 - 20) < 0.1
        assert judge("a.wav", sound, channels=("acs", "teams")).narrow == b""

    def test_what_fits_no_platform_is_refused_with_both_ways_out(self) -> None:
        with pytest.raises(BotError) as refusal:
            judge("a.wav", wav(pcm(1.0) * 60), decoder=PyAv())
        assert "shorter than 31 s" in refusal.value.fix
        assert "DIALTONE_PROMPT_CHANNELS" in refusal.value.fix

    def test_what_does_not_decode_is_broken(self) -> None:
        with pytest.raises(BotError) as refusal:
            judge("a.mp3", b"ID3\x04" + bytes(2_000) + b"x", decoder=PyAv())
        assert refusal.value.code == "PROMPT_BROKEN"

    def test_a_decoder_stops_at_what_is_too_long(self) -> None:
        long = wav(pcm(1.0) * 63, rate=8_000)
        with pytest.raises(BotError) as refusal:
            judge("a.wav", long, decoder=PyAv(), channels=("acs",))
        assert refusal.value.code == "PROMPT_LONG"
        assert len(PyAv().pcm(long, RATE, 10.0)) < 12 * 2 * RATE

    def test_it_is_found_where_it_is_installed(self) -> None:
        assert isinstance(installed_decoder(), PyAv)


@given(st.binary(max_size=400), st.sampled_from(["wav", "mp3", "wma", "txt", "ssml"]), st.booleans())
def test_any_bytes_are_good_or_refused(data: bytes, ending: str, as_wav: bool) -> None:
    upload = tone(0.2)[:44] + data if as_wav else data
    refusal = None
    try:
        good = judge(f"a.{ending}", upload)
    except BotError as error:
        refusal = error
    if refusal is None:
        assert judge(f"a.{good.ending}", good.data) == good
    else:
        assert refusal.code.startswith("PROMPT_")
        assert refusal.fix
