import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.privacy import Callers, IdentityFilter, caller_key, masked, without_identities

SALT = b"s" * 32


@pytest.mark.parametrize(
    ("identity", "told"),
    [
        ("4:+15550100", "4:+******00"),
        ("+4915112345678", "+********78"),
        ("8:nora", "8:****"),
        ("8:eleanor", "8:*****or"),
        ("8:acs:1f0c-22", "8:acs:*****22"),
        ("29:1a2b3c4d5e6f7g8h9", "29:********h9"),
        ("1234", "****"),
        ("", ""),
    ],
)
def test_masked(identity: str, told: str) -> None:
    assert masked(identity) == told


@given(st.text(max_size=60))
def test_masking_keeps_two_characters_at_most_and_is_stable(identity: str) -> None:
    told = masked(identity)
    assert masked(told) == told
    number = "4:+" + "".join(character for character in identity if character.isdigit())
    assert sum(character.isdigit() for character in masked(number).removeprefix("4:+")) <= 2


def test_a_caller_has_one_key_however_they_are_written() -> None:
    assert caller_key("8:Nora", SALT) == caller_key(" 8:nora ", SALT)
    assert caller_key("8:nora", SALT) != caller_key("8:nora", b"t" * 32)
    assert "nora" not in caller_key("8:nora", SALT)


def test_written_as_the_setting_says() -> None:
    key = caller_key("8:eleanor", SALT)
    assert Callers.SHOWN.write("8:eleanor", key) == "8:eleanor"
    assert Callers.MASKED.write("8:eleanor", key) == "8:*****or"
    assert Callers.HASHED.write("8:eleanor", key) == f"caller-{key[:16]}"
    assert Callers.HASHED.write("", "") == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("transfer to 4:+15550100 failed", "transfer to 4:+******00 failed"),
        ("ValueError: '8:eleanor', 29:1a2b3c", "ValueError: '8:*****or', 29:****3c"),
        ("8:acs:1f0c-22 left (+4915112345678)", "8:acs:*****22 left (+********78)"),
        ("at 08:15:30, 8:15, http://127.0.0.1:8080/x, C:8:x", "at 08:15:30, 8:15, http://127.0.0.1:8080/x, C:8:x"),
        ("line 4: x, 28 of 29: done", "line 4: x, 28 of 29: done"),
    ],
)
def test_identities_in_a_text(text: str, told: str) -> None:
    assert without_identities(text) == told


def test_a_log_cannot_tell_who_called(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("a test of privacy")
    log.addFilter(IdentityFilter())
    try:
        raise ValueError("nobody is called 8:eleanor")
    except ValueError:
        log.exception("%s rang %d %% of the time", "4:+15550100", 7)
    assert "4:+******00 rang 7 % of the time" in caplog.text
    assert "8:*****or" in caplog.text
    assert "eleanor" not in caplog.text
    assert "15550100" not in caplog.text
