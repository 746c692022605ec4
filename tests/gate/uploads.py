"""Uploads of operators: thirty that must not reach a caller, each with its code and a word of its fix, and ten good."""

import struct

from simulator.audio import encode
from tests.sounds import SSML, pcm, tone, wav

SPEAK = '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en">'
VOICE = '<voice name="en-US-AvaMultilingualNeural">'


def ssml(inside: str, before: str = "") -> bytes:
    return f"{before}{SPEAK}{VOICE}{inside}</voice></speak>".encode()


BOMB = """<?xml version="1.0"?>
<!DOCTYPE speak [
 <!ENTITY a "ha ha ha ha ha ha ha ha ha ha">
 <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
 <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]>"""
FILE = '<!DOCTYPE speak [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
STEREO = b"".join(2 * sample for (sample,) in struct.iter_unpack("2s", pcm()))
SQUARE = struct.pack("<hh", 32_767, -32_768) * 8_000

BAD: dict[str, tuple[str, bytes, str, str]] = {
    "empty": ("welcome.wav", b"", "PROMPT_EMPTY", "again"),
    "zeros for a file": ("welcome.wav", bytes(5_000), "PROMPT_EMPTY", "again"),
    "truncated": ("welcome.wav", tone()[:9_000], "PROMPT_TRUNCATED", "upload it again"),
    "truncated header": ("welcome.wav", tone()[:30], "PROMPT_TRUNCATED", "upload it again"),
    "no sound in it": ("welcome.wav", wav(b""), "PROMPT_EMPTY", "record"),
    "huge": ("welcome.wav", wav(bytes(17 * 1024 * 1024)), "PROMPT_HUGE", "16 kHz"),
    "wrong rate": ("welcome.wav", wav(pcm(rate=44_100), rate=44_100), "PROMPT_FORMAT", "dialtone prompts push"),
    "stereo": ("welcome.wav", wav(STEREO, channels=2), "PROMPT_FORMAT", "mono"),
    "8 bit": ("welcome.wav", wav(bytes(range(64, 192)) * 100, bits=8), "PROMPT_FORMAT", "16 bit"),
    "µ-law": ("welcome.wav", wav(b"\x55\xd5" * 8_000, bits=8, codec=7), "PROMPT_FORMAT", "PCM"),
    "float": ("welcome.wav", wav(struct.pack("<f", 0.5) * 8_000, bits=32, codec=3), "PROMPT_FORMAT", "PCM"),
    "big endian": ("welcome.wav", b"RIFX" + tone()[4:], "PROMPT_BROKEN", "save it anew"),
    "no format": ("welcome.wav", tone()[:12] + tone()[36:], "PROMPT_BROKEN", "save it anew"),
    "too short": ("welcome.wav", tone(0.05), "PROMPT_SHORT", "record it again"),
    "too long": ("welcome.wav", wav(pcm(1.0) * 130), "PROMPT_LONG", "shorter"),
    "more than 512 kB": ("welcome.wav", wav(pcm(1.0) * 20), "PROMPT_LONG", "shorter than 15 s"),
    "silent": ("welcome.wav", wav(bytes(32_000)), "PROMPT_SILENT", "microphone"),
    "too quiet": ("welcome.wav", wav(pcm(peak=150)), "PROMPT_QUIET", "raise"),
    "clipped": ("welcome.wav", wav(SQUARE), "PROMPT_CLIPPED", "less gain"),
    "a gap": ("welcome.wav", wav(pcm() + bytes(32_000 * 9) + pcm()), "PROMPT_GAP", "cut the silence"),
    "mp3 called wav": ("welcome.wav", encode(pcm(), "mp3"), "PROMPT_MISLABELED", "name it welcome.mp3"),
    "web page called wav": ("welcome.wav", b"<!DOCTYPE html><p>404 Not Found", "PROMPT_MISLABELED", "WAV"),
    "wav called mp3": ("welcome.mp3", tone(), "PROMPT_MISLABELED", "name it welcome.wav"),
    "mp3 without a decoder": ("welcome.mp3", encode(pcm(), "mp3"), "PROMPT_UNJUDGED", "dialtone prompts push"),
    "wma without a decoder": ("welcome.wma", encode(pcm(), "wma"), "PROMPT_UNJUDGED", "dialtone prompts push"),
    "not UTF-8": ("welcome.txt", "Grüße".encode("latin-1"), "PROMPT_TEXT", "UTF-8"),
    "UTF-16": ("welcome.txt", "Welcome".encode("utf-16"), "PROMPT_TEXT", "UTF-8"),
    "long text": ("welcome.txt", b"a" * 2_049, "PROMPT_TEXT", "shorter"),
    "control characters": ("welcome.txt", b"Welcome\x1b[2J", "PROMPT_TEXT", "remove it"),
    "SSML called text": ("welcome.txt", SSML.encode(), "PROMPT_MISLABELED", "name it welcome.ssml"),
    "sound called text": ("welcome.txt", tone(), "PROMPT_MISLABELED", "name it welcome.wav"),
    "entity bomb": ("welcome.ssml", ssml("&c;", BOMB), "PROMPT_SSML", "leave them out"),
    "a file by an entity": ("welcome.ssml", ssml("&file;", FILE), "PROMPT_SSML", "leave them out"),
    "an address": ("welcome.ssml", ssml('<audio src="http://169.254.169.254/">x</audio>'), "PROMPT_SSML", "WAV"),
    "a lexicon": ("welcome.ssml", ssml('<lang uri="http://x/">x</lang>'), "PROMPT_SSML", "leave it out"),
    "not closed": ("welcome.ssml", f"{SPEAK}{VOICE}Hello & welcome".encode(), "PROMPT_SSML", "&amp;"),
    "not speak": ("welcome.ssml", b"<p>Hello</p>", "PROMPT_SSML", "<speak version"),
    "no voice": ("welcome.ssml", f"{SPEAK}Hello</speak>".encode(), "PROMPT_SSML", "voice"),
    "nothing spoken": ("welcome.ssml", ssml('<break time="1s"/>'), "PROMPT_SSML", "spoken"),
    "deep": ("welcome.ssml", ssml("<p>" * 40 + "x" + "</p>" * 40), "PROMPT_SSML", "flatter"),
    "an instruction": ("welcome.ssml", ssml("Hi <?php evil ?>"), "PROMPT_SSML", "leave it out"),
    "latin-1 declared": (
        "welcome.ssml",
        ssml("Hi", '<?xml version="1.0" encoding="latin-1"?>'),
        "PROMPT_SSML",
        "UTF-8",
    ),
}

GOOD: dict[str, tuple[str, bytes]] = {
    "wav": ("welcome.wav", tone()),
    "wav with other chunks": ("greeting.wav", wav(pcm(hertz=310), before=b"LIST\x04\x00\x00\x00INFO")),
    "wav whose length is open": ("open.wav", tone(hertz=320)[:40] + b"\xff\xff\xff\xff" + tone(hertz=320)[44:]),
    "wav in a folder": ("hall/greeting.wav", tone(hertz=330)),
    "wav of a culture": ("menu.de-DE.wav", tone(hertz=340)),
    "text": ("hours.txt", b"We are open from nine to five."),
    "text with a byte order mark": ("bye.txt", "\ufeffGrüß Gott.\r\n".encode()),
    "text of a culture": ("hours.fr.txt", b"Nous sommes ouverts."),
    "ssml": ("rich.ssml", SSML.encode()),
    "ssml with a declaration": ("formal.ssml", b'<?xml version="1.0" encoding="UTF-8"?>\n' + SSML.encode()),
}
