import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialtone.storage.keys import KEY_MAX, SHARDS, TURN_MAX, call_key, day_of, shard, time_key, turn_key

ids = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="=~ab%2f-", max_size=8),
    st.text(st.characters(codec=None), min_size=60, max_size=300),
)


@given(ids)
@example("")
@example("a" * KEY_MAX)
@example("a" * (KEY_MAX + 1))
def test_key_is_legal(call_id: str) -> None:
    key = call_key(call_id)
    assert re.fullmatch(r"[A-Za-z0-9_=~-]+", key)
    assert len(key) <= KEY_MAX


@given(ids, ids)
@example("", "=")
@example("/", "=2f")
@example("a" * 201, "a" * 100 + "~" + "0" * 64)
@example("é", "é")
def test_two_ids_have_two_keys(one: str, other: str) -> None:
    assert (call_key(one) == call_key(other)) == (one == other)


@given(st.text(alphabet="ab/", min_size=KEY_MAX, max_size=KEY_MAX + 3), st.data())
def test_a_key_of_a_cut_id_is_nobody_elses(call_id: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(call_id) - 1))
    other = call_id[:position] + "c" + call_id[position + 1 :]
    assert call_key(call_id) != call_key(other)


@pytest.mark.parametrize(
    ("call_id", "key"),
    [
        ("8d3b-4C_1", "8d3b-4C_1"),
        ("", "="),
        ("a/b", "a=2fb"),
        (".", "=2e"),
        ("é", "=c3=a9"),
        ("a=b~", "a=3db=7e"),
    ],
)
def test_key_can_be_read(call_id: str, key: str) -> None:
    assert call_key(call_id) == key


@given(st.integers(0, TURN_MAX), st.integers(0, TURN_MAX))
def test_later_turns_sort_first(one: int, other: int) -> None:
    assert (turn_key(one) < turn_key(other)) == (one > other)


@pytest.mark.parametrize("sequence", [-1, TURN_MAX + 1])
def test_turn_out_of_range(sequence: int) -> None:
    with pytest.raises(ValueError, match="0 to 999999"):
        turn_key(sequence)


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_later_times_sort_first(one: int, other: int) -> None:
    assert (time_key(one / 1000) <= time_key(other / 1000)) or (one <= other)
    assert len(time_key(one / 1000)) == 13


@pytest.mark.parametrize(("at", "key"), [(-5.0, "9999999999999"), (float("inf"), "0000000000000")])
def test_time_out_of_range(at: float, key: str) -> None:
    assert time_key(at) == key


def test_calls_are_spread() -> None:
    shards = [shard(call_key(f"call-{number}")) for number in range(800)]
    assert all(50 < shards.count(number) < 150 for number in range(SHARDS))


def test_day_is_utc() -> None:
    assert day_of(1_700_000_000) == "20231114"
    assert day_of(1_699_919_999.9) == "20231113"
