"""What a caller types in secret: after a prompt that is marked `secret`.

1. The history has it sealed: what `Vault.seal` made of it, with a key that only the process has. Whatever is made of
   the history (appState, the rows of the journal, the timeline) has no more than that.
2. The dialog gets it back as a `Secret`, a str that tells itself to nobody by accident: `str()`, `repr()`, f-strings
   and log lines have asterisks.
3. A `Secret` goes where the dialog hands it, which is to a function given to `call.run`. Where it would be stored
   or spoken (data, results, arguments of dialogs, prompts) it is refused.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from dialtone.dialogs.history import SEALED, dumps
from dialtone.errors import DialogError

_STARS: Final = "****"


class Secret(str):
    """Digits that were typed in secret. They compare and slice as a str does; `reveal` gives them as one."""

    __slots__ = ()

    def reveal(self) -> str:
        """The digits. What is made of them is no secret any more: keep it out of what is said, kept or logged."""
        return self[:]

    def __str__(self) -> str:
        return _STARS

    def __repr__(self) -> str:
        return f"Secret({_STARS!r})"

    def __format__(self, spec: str) -> str:
        return format(_STARS, spec)


class Vault(Protocol):
    """Seals what a caller types in one call, and opens it in any process that takes a turn of this call."""

    def seal(self, text: str) -> str:
        """A text that begins with SEALED and tells nothing of `text`."""

    def open(self, sealed: str) -> str:
        """What was sealed. Raises `DialogError` when no key fits."""


class NoVault:
    """For whoever takes turns and has no key."""

    def seal(self, text: str) -> str:
        """Refuse."""
        raise DialogError(
            "there is no key to seal what the caller types in secret",
            field="secret",
            fix="give the Event a vault; functions/vault.py is that of the cloud",
        )

    def open(self, sealed: str) -> str:
        """Refuse."""
        return self.seal(sealed)


class Veil:
    """For tests and explorers, which store nothing: it only looks sealed."""

    def seal(self, text: str) -> str:
        """See `Vault`."""
        return f"{SEALED}{text[::-1]}"

    def open(self, sealed: str) -> str:
        """See `Vault`."""
        return sealed.removeprefix(SEALED)[::-1]


def has_secret(value: Any) -> bool:
    """Whether a `Secret` is anywhere in a value, however deep."""
    inside = [value]
    while inside:
        each = inside.pop()
        if isinstance(each, Secret):
            return True
        if isinstance(each, Mapping):
            inside += (*each, *each.values())
        elif isinstance(each, list | tuple):
            inside += each
    return False


def kept(value: Any) -> str:
    """A value of the author's as it is stored: JSON. Raises TypeError or ValueError, also where it holds a secret."""
    if has_secret(value):
        raise TypeError("it holds what the caller typed in secret, which is never stored")
    return dumps(value)


def without_secrets(value: Any) -> Any:
    """A value in which every `Secret` is the same text: nothing made of it depends on what was typed."""
    if isinstance(value, Secret):
        return _STARS
    if isinstance(value, Mapping):
        return {name: without_secrets(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return value
