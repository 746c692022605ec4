"""Both codecs, with and without pybase64, take and give the same."""

import base64
import contextlib

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.media import base64 as ours


def result(decode: ours.Decode, text: str | bytes) -> bytes | None:
    with contextlib.suppress(ValueError):
        return decode(text)
    return None


def test_the_fast_one_is_in_use() -> None:
    assert ours.encode_bytes is pybase64.b64encode
    assert ours.decode is not ours.decode_by_python


@given(st.binary(max_size=2000))
def test_what_is_encoded_is_standard_and_is_read_back(data: bytes) -> None:
    text = base64.b64encode(data)
    assert ours.encode_bytes(data) == ours.encode_bytes_by_python(data) == text
    assert ours.encode_text(data) == ours.encode_text_by_python(data) == text.decode()
    for decode in (ours.decode, ours.decode_by_python):
        assert decode(text) == decode(text.decode()) == data


@given(st.text(alphabet="ABab01+/=-_ \né", max_size=12))
def test_both_refuse_the_same(text: str) -> None:
    assert result(ours.decode, text) == result(ours.decode_by_python, text)
    assert result(ours.decode, text.encode()) == result(ours.decode_by_python, text.encode())


@pytest.mark.parametrize("text", ["A", "AA", "AAA", "AA==AA==", "AAAA=", "AA\nAA", "A-__", "é==="])
def test_what_is_not_base64(text: str) -> None:
    for decode in (ours.decode, ours.decode_by_python):
        with pytest.raises(ValueError, match=r"."):
            decode(text)
