"""Values of a row that are longer than one property may be: they go on in `<name>_1`, `<name>_2` and so on.

Source: Azure Table Storage, "Understanding the Table service data model" (limits of properties).
"""

from typing import Any, Final

from dialtone.storage.backend import Entity

# A text property holds 32,768 UTF-16 units, of which a character outside ASCII may need two; a binary one 65,536 bytes.
_ASCII_PIECE: Final = 30_000
_TEXT_PIECE: Final = 15_000
_BYTES_PIECE: Final = 60_000


def pack(entity: dict[str, Any], name: str, value: str | bytes) -> None:
    """Put a value into a row, in as many properties as it needs."""
    text_piece = _ASCII_PIECE if value.isascii() else _TEXT_PIECE
    piece = _BYTES_PIECE if isinstance(value, bytes) else text_piece
    entity[name] = value[:piece]
    for number, start in enumerate(range(piece, len(value), piece), 1):
        entity[f"{name}_{number}"] = value[start : start + piece]


def pieces(entity: Entity, name: str) -> list[Any]:
    """The properties that hold a value."""
    found = [entity[name]]
    while (piece := entity.get(f"{name}_{len(found)}")) is not None:
        found.append(piece)
    return found


def text_of(entity: Entity, name: str) -> str:
    """A text that `pack` put into a row."""
    return "".join(pieces(entity, name))


def utf16_bytes(text: str) -> int:
    """How many bytes of a row's limit a text takes."""
    return 2 * len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass"))
