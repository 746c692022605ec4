"""What a bot keeps of a user and of a conversation beyond a dialog: three bags, as in the Node calling SDK.

1. A bag is loaded when a dialog first asks for it and is an outcome of its history from then on: run again, the dialog
   finds what it found then, and changes it again as it did.
2. What a dialog changes is stored with its turn and saved before its reply is sent, and only what changed: a value
   under its own name, so that two calls of one user that change different names do not undo each other. Of those that
   change the same name, the last one counts.
3. A dialog that fails in a turn saves nothing of that turn.
4. Private data is emptied when the call is over.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from dialtone.dialogs.secret import kept as kept_json
from dialtone.errors import DialogError

BagName = Literal["user", "private", "conversation"]
Bag = dict[str, Any]
"""Values by name. Names are text; values are what JSON can say."""

BAG_MAX: Final = 32_768
"""Characters that a bag may have as JSON: it is kept in the history when it is loaded."""


class BagKey(NamedTuple):
    """Which bag: `owner` is the user's identity, the conversation's id, or both with a line feed between."""

    bag: BagName
    owner: str


@dataclass(frozen=True, slots=True)
class BagChange:
    """What is to be saved of a bag: values to set, names to remove; `emptied` removes all that is there first."""

    key: BagKey
    values: Bag = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    emptied: bool = False

    def document(self) -> list[Any]:
        """It as JSON has it; see `of`."""
        return [self.key.bag, self.key.owner, self.values, list(self.removed), self.emptied]

    @classmethod
    def of(cls, document: list[Any]) -> "BagChange":
        """The change of a document."""
        bag, owner, values, removed, emptied = document
        return cls(BagKey(bag, owner), values, tuple(removed), emptied)


Unsaved = Mapping[BagKey, tuple[Bag, Bag]]
"""Bags that a dialog changed before it was replaced: what is stored, and what it made of it."""


class Bags:
    """The bags of one run of a dialog. `unsaved` is what the dialog that it replaced in this turn had changed."""

    def __init__(self, unsaved: Unsaved | None = None) -> None:
        self.unsaved: Final[Unsaved] = unsaved or {}
        self._left = dict(self.unsaved)
        self._bags: dict[BagKey, Bag] = {}
        self._stored: dict[BagKey, Bag] = {}

    def get(self, key: BagKey) -> Bag | None:
        """A bag that was loaded; always the same object."""
        return self._bags.get(key)

    def changed_before(self, key: BagKey) -> Bag | None:
        """What the replaced dialog made of a bag: it need not be loaded."""
        return self._left[key][1] if key in self._left else None

    def add(self, key: BagKey, content: Bag) -> Bag:
        """A bag that is loaded now."""
        self._stored[key], content = self._left.pop(key, (content, content))
        bag = self._bags[key] = deepcopy(content)
        return bag

    def saved(self) -> None:
        """All that has changed so far was saved by an earlier turn."""
        self._stored = {key: _kept(key, bag) for key, bag in self._bags.items()}

    def after(self) -> dict[BagKey, tuple[Bag, Bag]]:
        """What has changed in this turn, for the dialog that replaces this one. Raises `DialogError`."""
        loaded = {key: (self._stored[key], _kept(key, bag)) for key, bag in self._bags.items()}
        return self._left | {key: pair for key, pair in loaded.items() if pair[0] != pair[1]}

    def changes(self) -> list[BagChange]:
        """What this turn changed. Raises `DialogError` for what cannot be kept."""
        return [_change(key, stored, now) for key, (stored, now) in self.after().items()]


def _kept(key: BagKey, bag: Bag) -> Bag:
    """A bag as it will be loaded again."""
    try:
        text = kept_json(bag)
    except (TypeError, ValueError) as error:
        at = next((f" under {name!r}" for name, value in bag.items() if not _can_be_kept(name, value)), "")
        raise DialogError(
            f"{key.bag} data{at} cannot be kept: {error}",
            field=f"{key.bag}_data",
            fix="put in only text, numbers, lists and dicts",
        ) from None
    if len(text) > BAG_MAX:
        raise DialogError(
            f"{key.bag} data has {len(text)} characters, {BAG_MAX} are kept",
            field=f"{key.bag}_data",
            fix="keep an id instead of a document",
        )
    kept: Bag = json.loads(text)
    return kept


def _can_be_kept(name: object, value: object) -> bool:
    try:
        kept_json({name: value})
    except (TypeError, ValueError):
        return False
    return True


def _change(key: BagKey, before: Bag, now: Bag) -> BagChange:
    values = {name: value for name, value in now.items() if name not in before or before[name] != value}
    removed = tuple(name for name in before if name not in now)
    return BagChange(key, values, removed)
