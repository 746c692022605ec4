"""appState: what fits, what is spilled, and what is not believed."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone import appstate
from dialtone.appstate import LIMIT, MIN_KEY_BYTES, AppState, AppStateCodec, keys_from_setting
from dialtone.errors import AppStateRejected, ConfigurationError

OLD, NEW = b"o" * MIN_KEY_BYTES, b"n" * MIN_KEY_BYTES
CODEC = AppStateCodec([NEW])
SHORT = '{"v":1,"t":1700000000.0,"d":"/","q":"abcd"}'
NOISE = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(200))


def noisy(length: int) -> str:
    """A text that does not compress well."""
    return f'{{"v":1,"d":"{NOISE[:length]}"}}'


def long_history(entries: int) -> str:
    found = [["AbCd", 1, "dtmfOptionMatched", "sales"], ["EfGh", 0, "initialSilenceTimeout"]] * entries
    return json.dumps({"v": 1, "t": 1700000000.0, "p": [["8:nora", 1]], "d": "/", "e": found, "q": "abcd"})


@pytest.mark.parametrize(
    ("history", "form"),
    [(SHORT, "j"), (long_history(3), "z"), (long_history(50), "z"), (noisy(700), "z"), (noisy(1600), "s")],
)
def test_forms(history: str, form: str) -> None:
    state = CODEC.encode("call-7", 12, history)
    assert len(state) <= LIMIT
    assert state.startswith(f"{form}12.")
    assert CODEC.decode("call-7", state) == AppState(12, None if form == "s" else history)


def test_the_shape_that_is_documented() -> None:
    head, payload, signature = CODEC.encode("call-7", 0, SHORT).split(".")
    assert head == "j0"
    assert urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode() == SHORT
    assert len(signature) == 22


def test_the_limit_is_met_to_the_character() -> None:
    lengths = set()
    for length in range(1000, 1600):
        state = CODEC.encode("call-7", 7, noisy(length))
        lengths.add(len(state))
        decoded = CODEC.decode("call-7", state).history
        assert decoded == (None if state[0] == "s" else noisy(length))
    assert LIMIT == 1024
    assert max(lengths) in (LIMIT, LIMIT - 1)
    assert min(lengths) == len("s7..") + 22


def test_a_usual_history_is_small() -> None:
    assert len(CODEC.encode("call-7", 20, long_history(10))) < 200


@pytest.mark.parametrize("history", [SHORT, long_history(3), noisy(1600)])
def test_every_character_is_under_the_signature(history: str) -> None:
    state = CODEC.encode("call-7", 3, history)
    for index, character in enumerate(state):
        other = "B" if character == "A" else "A"
        for wrong in (state[:index] + other + state[index + 1 :], state[:index] + state[index + 1 :]):
            with pytest.raises(AppStateRejected):
                CODEC.decode("call-7", wrong)
        with pytest.raises(AppStateRejected):
            CODEC.decode("call-7", state[:index])
    with pytest.raises(AppStateRejected):
        CODEC.decode("call-7", state + "A")


@pytest.mark.parametrize("call_id", ["call-8", "call-7 ", "CALL-7", "", "call-7\nj3"])
def test_a_state_belongs_to_its_call(call_id: str) -> None:
    with pytest.raises(AppStateRejected, match="not written by this bot for this call"):
        CODEC.decode(call_id, CODEC.encode("call-7", 3, SHORT))


@pytest.mark.parametrize("state", [None, ""])
def test_a_callback_without_appstate(state: str | None) -> None:
    with pytest.raises(AppStateRejected, match="carries no appState") as caught:
        CODEC.decode("call-7", state)
    assert caught.value.field == "appState"


@pytest.mark.parametrize(
    "state",
    [
        ".",
        "..",
        "j",
        "j3",
        "j3.e30",
        "j3.e30.",
        "q3.e30.AAAA",
        "z3.e30.é",
        "\ud800",
        "j3.\ud800.AAAA",
        "{}",
        "x" * 10**6,
    ],
)
def test_what_is_no_state_at_all(state: str) -> None:
    with pytest.raises(AppStateRejected):
        CODEC.decode("call-7", state)


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_is_refused(state: str) -> None:
    with pytest.raises(AppStateRejected):
        CODEC.decode("call-7", state)


def test_keys_are_rotated() -> None:
    before = AppStateCodec([OLD]).encode("call-7", 1, SHORT)
    rotating = AppStateCodec([NEW, OLD])
    assert rotating.decode("call-7", before).history == SHORT
    after = rotating.encode("call-7", 1, SHORT)
    assert CODEC.decode("call-7", after).history == SHORT
    for codec, state in [(CODEC, before), (AppStateCodec([OLD]), after)]:
        with pytest.raises(AppStateRejected, match="keep the old one"):
            codec.decode("call-7", state)


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=60,
)


@given(JSON, st.integers(0, 10**6), st.text(min_size=1))
def test_any_history_comes_back_or_is_spilled(history: Any, sequence: int, call_id: str) -> None:
    text = json.dumps(history, ensure_ascii=False)
    state = CODEC.encode(call_id, sequence, text)
    assert len(state) <= LIMIT
    assert CODEC.decode(call_id, state) in (AppState(sequence, text), AppState(sequence, None))
    assert state[0] != "s" or len(text.encode()) > 700


def test_what_compresses_best_is_read_back_whole() -> None:
    """The longest text that fits is shorter than what is unpacked at most, so that nothing is ever cut off."""
    longest = 0
    for power in range(8, 24):
        text = "a" * 2**power
        decoded = CODEC.decode("call-7", CODEC.encode("call-7", 1, text)).history
        assert decoded in (text, None)
        longest = max(longest, len(decoded or ""))
    assert 2**16 < longest < appstate._MAX_HISTORY_BYTES


def test_unpacking_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    state = CODEC.encode("call-7", 1, "a" * 100_000)
    monkeypatch.setattr(appstate, "_MAX_HISTORY_BYTES", 1000)
    assert CODEC.decode("call-7", state).history == "a" * 1000


@pytest.mark.parametrize("keys", [[], [b""], [b"k" * 31], [NEW, b"short"]])
def test_a_key_that_is_too_short(keys: list[bytes]) -> None:
    with pytest.raises(ConfigurationError, match="fewer than 32 bytes") as caught:
        AppStateCodec(keys)
    assert caught.value.field == "DIALTONE_APPSTATE_KEY"


@pytest.mark.parametrize(
    ("setting", "keys"),
    [("", []), (" , ", []), ("a2V5", [b"key"]), (" a2V5 , b2xk,", [b"key", b"old"]), ("aw==", [b"k"])],
)
def test_keys_of_a_setting(setting: str, keys: list[bytes]) -> None:
    assert keys_from_setting(setting) == keys


@pytest.mark.parametrize("setting", ["a2V", "a2V5!", "not base64", "a2V5,*", "-_-_", "ключ", "aw==aw=="])
def test_a_setting_that_is_not_base64(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="not base64") as caught:
        keys_from_setting(setting)
    assert caught.value.field == "DIALTONE_APPSTATE_KEY"
