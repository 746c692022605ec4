"""Which turns are those of a call, by the channel that it came on."""

from functions import acs, canary, teams
from functions.skype_turn import turns
from functions.turn import Turns


def turns_of(channel: str) -> Turns:
    """What takes the turns of calls on a channel, by its name as a call's row in the index has it; Skype for any
    other."""
    if channel == acs.NAME:
        return acs.turns()
    if channel == teams.NAME:
        return teams.turns()
    return canary.turns() if channel == canary.NAME else turns()
