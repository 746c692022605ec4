"""Multipart bodies: against the rules, and against werkzeug's decoder."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

from dialtone.channels.multipart import HEADERS_MAX, PARTS_MAX, Part, parameter, split
from dialtone.errors import BadMessage

TYPE = "multipart/form-data; boundary=b1"
NAMED = b'Content-Disposition: form-data; name="a"'
DECOYS = b"A\r\n--b1x\r\n--b10\r\n-- b1\r\n--B1\r\n --b1"


def of(*parts: bytes, end: bytes = b"--b1--\r\n") -> bytes:
    return b"".join(b"--b1\r\n" + part + b"\r\n" for part in parts) + end


def contents(body: bytes, content_type: str = TYPE) -> list[bytes]:
    return [bytes(part.content) for part in split(content_type, body)]


def refusal(body: bytes, content_type: str = TYPE) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        split(content_type, body)
    assert caught.value.fix
    return caught.value


def test_a_part() -> None:
    head = b"Content-Type: Audio/WAV; rate=16000; charset=x\r\ncontent-disposition: form-data; NAME=sound"
    assert split(TYPE, of(head + b"\r\n\r\nnoise")) == [Part("sound", "audio/wav", "x", memoryview(b"noise"))]


def test_the_content_is_a_view_of_the_body() -> None:
    body = of(NAMED + b"\r\n\r\n" + bytes(1000))
    (part,) = split(TYPE, body)
    assert part.content.obj is body


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (of(), []),
        (b"--b1--", []),
        (of(NAMED + b"\r\n\r\n"), [b""]),
        (of(NAMED + b"\r\n\r\n", NAMED + b"\r\n\r\nB"), [b"", b"B"]),
        (b"preamble\r\n" + of(NAMED + b"\r\n\r\nA") + b"epilogue --b1\r\n", [b"A"]),
        (of(NAMED + b"\r\n\r\n" + DECOYS), [DECOYS]),
        (of(NAMED + b"\r\n\r\nA", end=b"--b1--more"), [b"A"]),
        (b"--b1 \t\r\n" + NAMED + b"\r\n\r\nA\r\n--b1-- ", [b"A"]),
        (b"--b1\n" + NAMED + b"\n\nA\n\n--b1--\n", [b"A\n"]),
        (b"--b1\r" + NAMED + b"\r\rA\r\r--b1--\r", [b"A\r"]),
    ],
)
def test_delimiters(body: bytes, wanted: list[bytes]) -> None:
    assert contents(body) == wanted


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=b1",
        'multipart/form-data;boundary="b1"',
        "Multipart/Form-Data; BOUNDARY = b1",
        'multipart/form-data; boundary="b1", application/json; charset=utf-8',
        "multipart/form-data; boundary=b1, application/json",
        "multipart/mixed; x=y; boundary=b1; z",
    ],
)
def test_boundaries(content_type: str) -> None:
    assert contents(of(NAMED + b"\r\n\r\nA"), content_type) == [b"A"]


@pytest.mark.parametrize("boundary", ["'()+_,-./:=?", "a b", "é", "x" * 70, "--", ".*", "\\"])
def test_odd_boundaries(boundary: str) -> None:
    body = of(NAMED + b"\r\n\r\n--b").replace(b"--b1", b"--" + boundary.encode())
    assert contents(body, f'multipart/form-data; boundary="{boundary}"') == [b"--b"]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/x; boundary=", "multipart/x; xboundary=b1"])
def test_no_boundary(content_type: str) -> None:
    error = refusal(of(), content_type)
    assert (error.code, error.field) == ("NO_BOUNDARY", "Content-Type")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "closing boundary"),
        (b"--b1", "closing boundary"),
        (b"--b1\r\n", "empty line"),
        (b"--b2--", "closing boundary"),
        (of(NAMED + b"\r\n\r\nA", end=b""), "closing boundary"),
        (of(NAMED + b"\r\n\r\nA", end=b"--b1-"), "closing boundary"),
        (of(NAMED + b"\r\n\r\nA", end=b" --b1--"), "closing boundary"),
        (of(NAMED), "empty line"),
        (of(b"\r\nA"), "empty line"),
        (of(b"\xff: x\r\n\r\nA"), "UTF-8"),
        (of(b"X: " + b"x" * HEADERS_MAX + b"\r\n\r\nA"), "empty line"),
        (of(*[NAMED + b"\r\n\r\nA"] * (PARTS_MAX + 1)), "parts"),
    ],
)
def test_what_cannot_be_read(body: bytes, why: str) -> None:
    error = refusal(body)
    assert error.code == "BAD_MULTIPART"
    assert why in error.message


def test_a_boundary_that_no_body_can_have() -> None:
    assert refusal(of(), "multipart/x; boundary=\ud800").code == "BAD_MULTIPART"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("form-data; name=a", "a"),
        ('form-data; name="a"', "a"),
        ('form-data;NAME = "a b"; x', "a b"),
        (r'form-data; name="a\"\\b"', r"a\b".replace("\\", '"\\')),
        ('form-data; filename="x; name=no"; name=a', "a"),
        ('form-data; filename="x; name=no"', ""),
        ("form-data; filename=no", ""),
        ("form-data; name=", ""),
        ('form-data; name=b; name="a"', "a"),
        ("form-data", ""),
        ("name=a", ""),
        ("form-data; name=a, application/json", "a"),
        ("", ""),
    ],
)
def test_parameters(header: str, value: str) -> None:
    assert parameter(header, "name") == value


def peer(body: bytes, boundary: bytes = b"b1") -> list[tuple[str, str, bytes]] | None:
    """What werkzeug makes of a body: names, Content-Type headers and contents; None when it refuses it."""
    decoder = MultipartDecoder(boundary)
    found: list[tuple[str, str, bytes]] = []
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, Field | File):
                found.append((event.name or "", event.headers.get("content-type", ""), b""))
            elif isinstance(event, Data):
                found[-1] = (*found[-1][:2], found[-1][2] + event.data)
    except ValueError:
        return None
    return found


def ours(body: bytes) -> list[tuple[str, str, bytes]] | None:
    try:
        return [(part.name, part.media_type, bytes(part.content)) for part in split(TYPE, body)]
    except BadMessage:
        return None


PIECES = st.sampled_from(
    [
        *(b"--b1", b"--b1--", b"b1", b"-", b"--", b" ", b"\t", b"x", b"\x00", b"\xff"),
        *(b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"--b1\r\n", b"\r\n--b1", b"\r\n--b1--"),
        *(NAMED, b"Content-Disposition: form-data; name=b; filename=c", b"Content-Disposition: x"),
        *(b"Content-Type: audio/wav", NAMED + b"\r\n\r\n", NAMED + b"\r\nContent-Type: audio/wav\r\n\r\n"),
    ]
)
BODIES = st.lists(PIECES | st.binary(max_size=4), max_size=24).map(b"".join)


@given(BODIES | BODIES.map(lambda body: b"--b1\r\n" + NAMED + b"\r\n\r\n" + body + b"\r\n--b1--"))
@example(b"--b1\r\n" + NAMED + b"\r\r\nA\r\r\n--b1--")
@example(b"--b1\r\n" + NAMED + b"\r\n\r\n--b1--")
@example(b"x--b1\n" + NAMED + b"\n\n\n--b1\r\n" + NAMED + b"\n\n--b1--x")
def test_it_reads_what_werkzeug_reads(body: bytes) -> None:
    theirs = peer(body)
    found = ours(body)
    if theirs is None:
        # It wants a Content-Disposition in every part; a content type is enough here.
        assert found is None or any(name == "" for name, _, _ in found)
    else:
        assert found == [(name, kind.lower(), content) for name, kind, content in theirs]
