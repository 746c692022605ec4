"""What a platform tells of the meeting that a call is of; the Skype contract has nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from dialtone.protocol.conversation import Participant

INVITED_MAX: Final = 100
"""Of the invited no more are told: what a dialog is told is kept in the call's history."""

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting. `organizer` is an identity, as those of `invited`, the first INVITED_MAX; `join_link` is that of its
    invitation. `starts` and `ends` are None for a meeting without times. `metadata` has what else the platform tells
    in texts, numbers and yes or no, by the platform's own names.
    """

    id: str
    subject: str
    organizer: str
    join_link: str
    starts: datetime | None = None
    ends: datetime | None = None
    invited: tuple[Participant, ...] = ()
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """It as JSON values."""
        return {
            "id": self.id,
            "subject": self.subject,
            "organizer": self.organizer,
            "joinLink": self.join_link,
            "starts": self.starts.isoformat() if self.starts else None,
            "ends": self.ends.isoformat() if self.ends else None,
            "invited": [member.to_wire() for member in self.invited[:INVITED_MAX]],
            "metadata": dict(self.metadata),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` wrote."""
        starts, ends = document["starts"], document["ends"]
        return cls(
            id=document["id"],
            subject=document["subject"],
            organizer=document["organizer"],
            join_link=document["joinLink"],
            starts=datetime.fromisoformat(starts) if starts else None,
            ends=datetime.fromisoformat(ends) if ends else None,
            invited=tuple(Participant.from_wire(member) for member in document["invited"]),
            metadata=document["metadata"],
        )
