"""The sound of recordings on Teams: fetched, with the token that came with the notice, and stored before its turn."""

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dialtone.channels.teams_outcomes import SECONDS, SOUND
from dialtone.dialogs import History
from dialtone.media.sound import fault_of
from dialtone.storage import Storage
from functions.http import log
from functions.teams_client import GraphClient
from functions.turn import recording_of

RECORDING_MAX: Final = 16 * 1024 * 1024
"""Bytes of a recording: two minutes have less than a quarter of that."""


@dataclass(frozen=True, slots=True)
class TeamsRecordings:
    """Stores the recordings of a bot's calls."""

    storage: Storage
    client: GraphClient

    async def fetch(
        self, location: str, token: str, before: History, operation_id: str, reason: str
    ) -> Mapping[str, Any]:
        """Fetch and store a recording that ended for a `reason`: what a step keeps of it.

        Raises `DependencyError`, also for more than RECORDING_MAX bytes: then the notice comes again.
        """
        sound = await self.client.fetch(location, token, limit=RECORDING_MAX)
        seconds = _seconds_of(sound)
        fault = str(fault_of(sound, "wav", seconds))
        recording = recording_of(before, operation_id, seconds=seconds, format="wav", reason=reason, fault=fault)
        stored = await self.storage.recordings.save(recording, sound)
        log.info("a recording of %d bytes is stored", stored.size)
        return {SOUND: [stored.path, stored.size, stored.fault], SECONDS: seconds}


def _seconds_of(sound: bytes) -> float:
    """How long a WAV file plays; 0 for what is none."""
    try:
        with wave.open(io.BytesIO(sound)) as file:
            return float(round(file.getnframes() / file.getframerate(), 3))
    except (wave.Error, EOFError, ZeroDivisionError):
        return 0.0
