"""How long a stream may wait, and last."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds. What each is for: media_worker/sessions.py."""

    idle: float = 60.0
    longest: float = 4 * 3600.0
    resume: float = 10.0
    stop: float = 5.0
