"""How ids become keys of tables and names of blobs.

  1. A key holds ASCII letters, digits, `-` and `_` as they are. Any other character is `=xx` for each byte of its
     UTF-8 form, so that nothing is left that Table Storage forbids in a key (`/ \\ # ?` and control characters) or
     that a path of a blob should not hold (a segment that ends with a dot).
  2. A key is 1 to 200 characters long. The empty id is `=`. An id whose key would be longer is cut to 100 characters
     and ends with `~` and the SHA-256 of the id.
  3. Two ids never share a key: `=xx` can be read back, and a `~` is in cut keys only.
  4. Table Storage sorts by text, oldest first, and has no other order. Numbers and times are therefore turned round:
     the latest comes first.

Source: Azure Table Storage, "Understanding the Table service data model"; Azure Blob Storage, "Naming and
referencing containers, blobs, and metadata".
"""

import hashlib
import re
import zlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

KEY_MAX: Final = 200
TURN_MAX: Final = 999_999
SHARDS: Final = 8

_CUT: Final = 100
_PLAIN: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{KEY_MAX}}}")
_SAFE: Final = {byte: chr(byte) for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"}
_ENCODED: Final = [_SAFE.get(byte, f"={byte:02x}") for byte in range(256)]
_LAST_MS: Final = 9_999_999_999_999


@lru_cache(maxsize=4096)
def call_key(call_id: str) -> str:
    """The key of a call, or of any other id (rules 1 to 3)."""
    if _PLAIN.fullmatch(call_id):
        return call_id
    raw = call_id.encode("utf-8", "surrogatepass")
    key = "".join([_ENCODED[byte] for byte in raw]) or "="
    if len(key) > KEY_MAX:
        return f"{key[:_CUT]}~{hashlib.sha256(raw).hexdigest()}"
    return key


def turn_key(sequence: int) -> str:
    """The row key of a turn. Raises ValueError when `sequence` is not 0 to 999999."""
    if not 0 <= sequence <= TURN_MAX:
        raise ValueError(f"the sequence of a turn is 0 to {TURN_MAX}, not {sequence}")
    return f"{TURN_MAX - sequence:06d}"


def time_key(at: float) -> str:
    """The start of a row key for a time in Unix seconds, to the millisecond, from 1970 to 2286."""
    milliseconds = min(max(at * 1000, 0), _LAST_MS)
    return f"{_LAST_MS - int(milliseconds):013d}"


def shard(key: str) -> int:
    """Which of the 8 partitions of a list a key belongs to, so that many calls at once do not queue for one."""
    return zlib.crc32(key.encode()) % SHARDS


def day_of(at: float) -> str:
    """The UTC day of a time in Unix seconds, as `yyyymmdd`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%d")
