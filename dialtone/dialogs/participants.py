"""Who comes to a group call and who goes, between two rosters that the platform told."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

_BOT: Final = "28:"


@dataclass(frozen=True, slots=True)
class ParticipantChange:
    """What is different between two rosters of a call; false when nothing is. `@bot.on_participant` is told of it.

    `joined`, `left` and `present` (who is there now) are identities, such as `8:nora` or `4:+15550100`, of people only:
    bots are left out.
    """

    call_id: str
    joined: tuple[str, ...]
    left: tuple[str, ...]
    present: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.joined or self.left)

    @classmethod
    def between(cls, call_id: str, before: Iterable[str], now: Iterable[str]) -> Self:
        """What is different; false when nothing is. Identities are compared without case."""
        was, present = ({each.casefold(): each for each in some if not each.startswith(_BOT)} for some in (before, now))
        return cls(
            call_id,
            tuple(present[each] for each in present if each not in was),
            tuple(was[each] for each in was if each not in present),
            tuple(present.values()),
        )
