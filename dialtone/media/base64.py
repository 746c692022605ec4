"""Base64 of sound and pictures: by pybase64 where it is installed, because it is five times as fast, else by Python's.

Both take the standard alphabet with padding and nothing else (RFC 4648, section 4).
"""

import binascii
from collections.abc import Callable

Decode = Callable[[str | bytes], bytes]
EncodeText = Callable[[bytes], str]
EncodeBytes = Callable[[bytes], bytes]


def decode_by_python(text: str | bytes) -> bytes:
    """As `decode`, without pybase64."""
    if len(text) % 4:
        # Strict as it is, it lets padding after a whole group pass.
        raise binascii.Error("the length is not a multiple of 4")
    return binascii.a2b_base64(text, strict_mode=True)


def encode_text_by_python(data: bytes) -> str:
    """As `encode_text`, without pybase64."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def encode_bytes_by_python(data: bytes) -> bytes:
    """As `encode_bytes`, without pybase64."""
    return binascii.b2a_base64(data, newline=False)


decode: Decode = decode_by_python
"""The bytes of a text. Raises ValueError for what is not base64."""
encode_text: EncodeText = encode_text_by_python
encode_bytes: EncodeBytes = encode_bytes_by_python

try:
    import pybase64
except ImportError:
    pass
else:

    def _decode(text: str | bytes) -> bytes:
        return pybase64.b64decode(text, None, True)

    decode, encode_text, encode_bytes = _decode, pybase64.b64encode_as_string, pybase64.b64encode
