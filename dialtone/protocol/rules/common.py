"""Checks that several rules are made of. Each raises `ContractViolation` for what it is given."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from dialtone.protocol.enums import ModalityType
from dialtone.protocol.rules.limits import APP_STATE_MAX, DTMF, LOOPBACK, STOP_TONES_MAX
from dialtone.protocol.violation import ContractViolation


def within(value: float | None, limits: tuple[int, int], code: str, field: str) -> None:
    """A number is within limits, both included; absent is within any."""
    low, high = limits
    if value is not None and not low <= value <= high:
        raise ContractViolation(code, f"{value} is not {low} to {high}", field=field, fix=f"use {low} to {high}")


def tones(given: list[str], field: str = "stopTones") -> None:
    """Rule 18: stop tones, as many as are allowed."""
    if len(given) > STOP_TONES_MAX:
        raise ContractViolation(
            "DTMF_LIST_TOO_LONG",
            f"{len(given)} stop tones, {STOP_TONES_MAX} are allowed",
            field=field,
            fix="remove some",
        )
    for key in given:
        tone(key, field)


def tone(key: str, field: str) -> None:
    """Rule 18: one key."""
    if key not in DTMF:
        raise ContractViolation("DTMF_INVALID", f"{key!r} is not a key", field=field, fix="use one of 0-9 * # A B C D")


def unique(values: Iterable[str], code: str, field: str, message: str) -> None:
    """No value is there twice."""
    values = list(values)
    if len(set(values)) != len(values):
        raise ContractViolation(code, message, field=field, fix="name each once")


def not_blank(value: str, field: str, code: str) -> None:
    """A text is more than white space."""
    if not value.strip():
        raise ContractViolation(code, f"{field} is blank", field=field, fix="send a value")


def app_state(value: str | None) -> None:
    """The length of an appState."""
    if value is not None and len(value) > APP_STATE_MAX:
        raise ContractViolation(
            "APPSTATE_TOO_LONG",
            f"appState has {len(value)} characters, {APP_STATE_MAX} are allowed",
            field="appState",
            fix="keep the rest elsewhere",
        )


def link(uri: str, code: str, field: str, loopback_http: bool) -> None:
    """A link is absolute and https; with `loopback_http` it may be http to this machine."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or not parts.scheme:
        raise ContractViolation(
            f"{code}_NOT_ABSOLUTE",
            "the link is not an absolute address",
            field=field,
            fix="send a full address",
        )
    if parts.scheme != "https" and not (loopback_http and parts.scheme == "http" and host in LOOPBACK):
        raise ContractViolation(f"{code}_NOT_HTTPS", "the link is not https", field=field, fix="use https")


def modalities(accepted: list[ModalityType], field: str) -> None:
    """Rule 10: modalities that a call is accepted, or placed, with."""
    for modality in accepted:
        if modality is ModalityType.UNKNOWN:
            raise ContractViolation(
                "MODALITY_UNKNOWN", "a modality is not known", field=field, fix="use audio or video"
            )
        if modality is ModalityType.VIDEO_BASED_SCREEN_SHARING:
            raise ContractViolation(
                "MODALITY_SCREENSHARE", "screen sharing cannot be accepted", field=field, fix="use audio or video"
            )
    unique(accepted, "MODALITY_DUPLICATE", field, "a modality is named twice")
