"""Prompts that are spoken: plain text, and SSML.

Text: UTF-8, without a byte order mark and without the line ends behind it, 1 to 2048 characters (Skype Calling API,
playPrompt).

SSML: well-formed XML of at most SSML_MAX characters, a `speak` of the W3C's namespace with at least one `voice`, as
Azure's Speech service wants it. Nothing of it may make a reader fetch or expand anything: no document type, no
entities but the five of XML, no processing instructions, no `audio`, `lexicon` or other address. Where a platform
does not take SSML, the text in it is spoken, so it has the limit of a text too.
"""

from typing import Final
from xml.parsers import expat

from dialtone.errors import BotError
from dialtone.protocol.rules.limits import PROMPT_TEXT_MAX

SSML_MAX: Final = 8_000
DEPTH_MAX: Final = 32
SYNTHESIS: Final = "http://www.w3.org/2001/10/synthesis"
MSTTS: Final = "http://www.w3.org/2001/mstts"

_EXAMPLE: Final = (
    f'<speak version="1.0" xmlns="{SYNTHESIS}" xml:lang="en-US"><voice name="en-US-AvaMultilingualNeural">'
    "Welcome.</voice></speak>"
)
_ELEMENTS: Final = frozenset(
    {"speak", "voice", "p", "s", "break", "emphasis", "prosody", "say-as", "sub", "phoneme", "lang", "bookmark", "mark"}
)
_PAUSES: Final = frozenset({"break", "p", "s"})
_ADDRESSES: Final = frozenset({"src", "uri", "href", "onlangfailure"})


def read_text(data: bytes) -> str:
    """The text of a file. Raises BotError (PROMPT_TEXT)."""
    text = _decoded(data, "PROMPT_TEXT").rstrip("\r\n")
    if not text.strip():
        raise _bad("the text is empty", "write what is to be spoken")
    check_length(text, "PROMPT_TEXT")
    odd = next((each for each in text if not each.isprintable() and not each.isspace()), "")
    if odd and odd not in "\u200d\u200c\u200e\u200f\u00ad":
        raise _bad(f"the character U+{ord(odd):04X} cannot be spoken", "remove it; retype the text if need be")
    return text


def check_length(text: str, code: str) -> None:
    """Raises BotError when a text is longer than a platform speaks."""
    if len(text) > PROMPT_TEXT_MAX:
        raise BotError(
            f"the text has {len(text)} characters; more than {PROMPT_TEXT_MAX} are not spoken",
            field="data",
            fix="make it shorter, or upload a sound file",
            code=code,
        )


def read_ssml(data: bytes) -> tuple[bytes, str]:
    """The file as it is sent, and the text in it. Raises BotError (PROMPT_SSML)."""
    ssml = _decoded(data, "PROMPT_SSML").strip()
    if len(ssml) > SSML_MAX:
        raise _ssml(f"it has {len(ssml)} characters, {SSML_MAX} are allowed", "make it shorter")
    reader = _Reader()
    try:
        reader.parser.Parse(ssml.encode(), True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise _ssml(
            f"it is not well-formed: {what} in line {error.lineno}, column {error.offset + 1}",
            "close every element; write & as &amp; and < as &lt;",
        ) from None
    if not reader.voices:
        raise _ssml("it names no voice", f"put a voice around the text: {_EXAMPLE}")
    text = " ".join("".join(reader.text).split())
    if not text:
        raise _ssml("nothing is spoken in it", "write what is to be spoken")
    check_length(text, "PROMPT_SSML")
    # A declaration is about the file, not about what is sent.
    return ssml.encode()[reader.begins :], text


class _Reader:
    """Takes the text out of SSML, and refuses what may not be in it."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._spoken
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype
        self.parser.ProcessingInstructionHandler = self._instruction
        self.parser.XmlDeclHandler = self._declaration
        self.text: list[str] = []
        self.voices = 0
        self.begins = 0
        self._depth = 0
        self._silent = 0

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        self._depth += 1
        if self._depth == 1:
            self.begins = self.parser.CurrentByteIndex
            if name != "speak" or namespace != SYNTHESIS:
                raise _ssml("its root is not `speak` of the W3C's namespace", f"write it like this: {_EXAMPLE}")
            missing = {"version", "http://www.w3.org/XML/1998/namespace lang"} - attributes.keys()
            if missing:
                raise _ssml("`speak` lacks its version or xml:lang", f"write it like this: {_EXAMPLE}")
        if self._depth > DEPTH_MAX:
            raise _ssml(f"elements are nested more than {DEPTH_MAX} deep", "make it flatter")
        known = name in _ELEMENTS if namespace == SYNTHESIS else namespace == MSTTS
        if not known:
            raise _ssml(
                f"`{name[:40]}` is not allowed", "leave it out; upload music or recorded sound as a WAV file instead"
            )
        if odd := [key for key in attributes if key.rpartition(" ")[2].lower() in _ADDRESSES]:
            raise _ssml(
                f"`{name}` names an address ({odd[0]}), which would be fetched",
                "leave it out; upload music or recorded sound as a WAV file instead",
            )
        self.voices += name == "voice"
        if name in _PAUSES:
            self.text.append(" ")
        if name == "sub" or self._silent:
            if not self._silent:
                self.text.append(attributes.get("alias", ""))
            self._silent += 1

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._silent -= bool(self._silent)
        if tag.rpartition(" ")[2] in _PAUSES:
            self.text.append(" ")

    def _spoken(self, text: str) -> None:
        if not self._silent:
            self.text.append(text)

    def _doctype(self, *_: object) -> None:
        raise _ssml("it has a document type or entities, which are never read", "leave them out; write the text itself")

    def _instruction(self, target: str, _: str) -> None:
        raise _ssml(f"it has a processing instruction, `{target[:40]}`", "leave it out")

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in ("utf-8", "us-ascii"):
            raise _ssml(f"it calls itself {encoding[:40]}", 'save it as UTF-8, and say encoding="utf-8"')


def _decoded(data: bytes, code: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BotError("the text is not UTF-8", field="data", fix="save the file as UTF-8", code=code) from None


def _bad(message: str, fix: str) -> BotError:
    return BotError(message, field="data", fix=fix, code="PROMPT_TEXT")


def _ssml(message: str, fix: str) -> BotError:
    return BotError(message, field="data", fix=fix, code="PROMPT_SSML")
