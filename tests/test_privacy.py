import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.privacy import Callers, caller_key, masked

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
