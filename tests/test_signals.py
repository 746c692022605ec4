"""The keys of those who send signals."""

import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.appstate import AppStateCodec, keys_from_setting
from dialtone.signals import SignalKeys

NEW, OLD = b"n" * 32, b"o" * 32


@given(st.text(), st.text())
def test_a_key_is_of_its_call_and_of_no_other(call: str, other: str) -> None:
    keys = SignalKeys([NEW])
    key = keys.key_of(call)
    assert keys.knows(call, key)
    assert keys.knows(other, key) == (call == other)


def test_a_key_is_text_for_an_address() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", SignalKeys([NEW]).key_of("call-7"))


def test_a_key_is_the_same_in_every_process() -> None:
    """Addresses that were handed out stay good when a new version is deployed."""
    assert SignalKeys([NEW]).key_of("call-7") == "fx-JRde3dquqRRXYa29BrEbRvWH8FKbvvMna7xYe9uQ"


@pytest.mark.parametrize("call", ["", "\ud800", "a/b", "x" * 10_000, "ü😀"])
def test_any_call_id_will_do(call: str) -> None:
    keys = SignalKeys([NEW])
    assert keys.knows(call, keys.key_of(call))


@pytest.mark.parametrize("change", [str.lower, lambda key: key[:-1], lambda key: key + "=", lambda key: "", str.strip])
def test_what_is_nearly_a_key(change: "object") -> None:
    keys = SignalKeys([NEW])
    key = keys.key_of("call-7")
    changed = change(key)  # type: ignore[operator]
    assert keys.knows("call-7", changed) == (changed == key)


@pytest.mark.parametrize("given_key", ["\ud800", "ü", "\x00", "A" * 43])
def test_what_is_no_key(given_key: str) -> None:
    assert not SignalKeys([NEW]).knows("call-7", given_key)


def test_the_first_makes_keys_and_all_are_known() -> None:
    rotated = SignalKeys([NEW, OLD])
    assert rotated.key_of("call-7") == SignalKeys([NEW]).key_of("call-7")
    assert rotated.knows("call-7", SignalKeys([OLD]).key_of("call-7"))
    assert not SignalKeys([NEW]).knows("call-7", SignalKeys([OLD]).key_of("call-7"))


def test_it_is_no_signature_of_an_appstate() -> None:
    """Both are made of one secret."""
    (secret,) = keys_from_setting(b64encode(NEW).decode())
    state = AppStateCodec([secret]).encode("call-7", 0, "{}")
    assert not SignalKeys([secret]).knows("call-7", state.rpartition(".")[2])
    assert SignalKeys([secret]).key_of("call-7") not in state
