"""Multipart bodies: the parts of one, as views of it.

A recording may be as large as a request may be, and the host has the whole body in memory already; so nothing of it is
copied here.

Rules (RFC 2046, 5.1.1; RFC 7578):
  1. A delimiter is a line break, two hyphens, the boundary, and then either two more hyphens, which end the body, or
     white space and a line break. Anything else, such as a longer word that begins with the boundary, is content.
  2. What is before the first delimiter and after the last is left alone. A body without a last one was cut off and is
     refused.
  3. A line break is CR LF, CR or LF: senders differ. The one before a delimiter belongs to it, not to the content.
  4. The headers of a part end with an empty line. A header that goes on after a line break and a blank is one line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dialtone.errors import BadMessage

PARTS_MAX: Final = 32
"""The contract knows two."""
HEADERS_MAX: Final = 16_384
"""Bytes that the headers of a part may have."""

_BOUNDARY: Final = re.compile(r'[;,\s]boundary\s*=\s*(?:"([^"]+)"|([^\s;,"]+))', re.IGNORECASE)
_LINE_BREAK: Final = rb"(?:\r\n|\n|\r)"
_AFTER_BOUNDARY: Final = re.compile(rb"(?:(?P<last>--)[^\S\n\r]*%b?|[^\S\n\r]*%b)" % (_LINE_BREAK, _LINE_BREAK))
_EMPTY_LINE: Final = re.compile(rb"\r\n(?=\r\n)|\r(?=\r)|\n(?=\n)")
_ONE_LINE_BREAK: Final = re.compile(_LINE_BREAK)
_CONTINUATION: Final = re.compile(_LINE_BREAK + rb"[ \t]")
_PARAMETER: Final = re.compile(r'([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))')
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its `name`, or empty; its media type in lower case, and the charset of it, or empty; its content."""

    name: str
    media_type: str
    charset: str
    content: memoryview


def split(content_type: str, body: bytes) -> list[Part]:
    """The parts of a body whose Content-Type header is this. Raises `BadMessage`."""
    return [_part(headers, content) for headers, content in _pieces(_boundary(content_type), body)]


def parameter(header: str, name: str) -> str:
    """A parameter of a header, quoted or not; empty when it is not there. Of two, the last one counts."""
    value = ""
    for key, quoted, plain in _PARAMETER.findall(header.partition(";")[2]):
        if key.lower() == name:
            value = _ESCAPED.sub(r"\1", quoted) or plain
    return value


def _boundary(content_type: str) -> bytes:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadMessage(
            "the multipart body has no boundary", field="Content-Type", code="NO_BOUNDARY", fix="name the boundary"
        )
    return (found[1] or found[2]).encode(errors="replace")


def _pieces(boundary: bytes, body: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Headers and content of each part."""
    view = memoryview(body)
    mark = b"--" + boundary
    _, at, last = _delimiter(body, mark, 0, first=True)
    count = 0
    while not last:
        count += 1
        if count > PARTS_MAX:
            raise _unreadable(f"it has more than {PARTS_MAX} parts", "send the JSON part and the audio part")
        end_of_headers = _EMPTY_LINE.search(body, at, at + HEADERS_MAX)
        if end_of_headers is None:
            raise _unreadable(
                f"no empty line ends the headers of part {count} within {HEADERS_MAX} bytes",
                "put an empty line between the headers of a part and its content",
            )
        headers = body[at : end_of_headers.start()]
        line_break = _ONE_LINE_BREAK.match(body, end_of_headers.end())
        assert line_break is not None, "the empty line was found by it"
        start = line_break.end()
        # The empty line's own break may be the one before a delimiter: then the part is empty.
        end, at, last = _delimiter(body, mark, line_break.start())
        yield headers, view[start : max(start, end)]


def _delimiter(body: bytes, mark: bytes, floor: int, *, first: bool = False) -> tuple[int, int, bool]:
    """Where the next delimiter from `floor` on begins and ends, and whether it is the last one (rule 1).

    The first one needs no line break before it: nothing is before it, as a rule.
    """
    at = floor
    while (found := body.find(mark, at)) >= 0:
        after = _AFTER_BOUNDARY.match(body, found + len(mark))
        if body[max(floor, found - 2) : found] == b"\r\n":
            begin = found - 2
        elif body[max(floor, found - 1) : found] in (b"\r", b"\n"):
            begin = found - 1
        else:
            begin = found if first else -1
        if after is not None and begin >= 0:
            return begin, after.end(), after["last"] is not None
        at = found + 1
    raise _unreadable("the closing boundary is missing", "end it with the boundary that the Content-Type names")


def _part(headers: bytes, content: memoryview) -> Part:
    try:
        lines = [line.decode() for line in _CONTINUATION.sub(b" ", headers).splitlines()]
    except UnicodeDecodeError:
        raise _unreadable("the headers of a part are not UTF-8", "write them in UTF-8") from None
    values: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        values.setdefault(name.strip().lower(), value.strip())
    kind = values.get("content-type", "")
    return Part(
        name=parameter(values.get("content-disposition", ""), "name"),
        media_type=kind.partition(";")[0].strip().lower(),
        charset=parameter(kind, "charset"),
        content=content,
    )


def _unreadable(why: str, fix: str) -> BadMessage:
    return BadMessage(f"the multipart body cannot be read: {why}", code="BAD_MULTIPART", fix=fix)
