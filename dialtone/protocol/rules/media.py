"""Rules 25 to 27: actions of a bot with media of its own. The rules are in `dialtone.protocol.rules`."""

import json
from typing import Any

from dialtone.protocol.enums import ModalityType
from dialtone.protocol.media import AnswerAppHostedMedia, JoinCallAppHostedMedia, VideoSubscription
from dialtone.protocol.rules.common import not_blank, within
from dialtone.protocol.rules.limits import MEDIA_CONFIGURATION_MAX, VIDEO_SOCKETS
from dialtone.protocol.violation import ContractViolation


def answer(action: AnswerAppHostedMedia) -> None:
    """Rule 25."""
    _media_configuration(action.media_configuration)


def join(action: JoinCallAppHostedMedia) -> None:
    """Rules 25 and 26."""
    if (action.join_token is None) == (action.meeting_info is None):
        raise ContractViolation(
            "JOIN_TOKEN_XOR_MEETING",
            "a call is joined by its joinToken or by its meetingInfo",
            field="joinToken",
            fix="send exactly one of the two",
        )
    if action.join_token is not None:
        not_blank(action.join_token, "joinToken", "JOIN_TOKEN_BLANK")
    if action.source is not None:
        not_blank(action.source.identity, "source.identity", "PARTICIPANT_BLANK")
    _media_configuration(action.media_configuration)


def subscription(action: VideoSubscription) -> None:
    """Rule 27."""
    within(action.socket_id, VIDEO_SOCKETS, "VIDEO_SOCKET_RANGE", "socketId")
    not_blank(action.participant_identity, "participantIdentity", "PARTICIPANT_BLANK")
    if action.video_modality is ModalityType.AUDIO:
        raise ContractViolation(
            "VIDEO_MODALITY_AUDIO",
            "a video subscription is not for audio",
            field="videoModality",
            fix="use video or videoBasedScreenSharing",
        )
    for field, value, fix in (
        ("videoModality", action.video_modality, "video or videoBasedScreenSharing"),
        ("videoResolution", action.video_resolution, "sd360p, sd540p, hd720p or hd1080p"),
        ("videoSubscriptionMode", action.video_subscription_mode, "manual or auto"),
    ):
        if value == "unknown":
            raise ContractViolation(
                "VIDEO_VALUE_UNKNOWN", f"the value of {field} is not known", field=field, fix=f"use {fix}"
            )


def _media_configuration(configuration: dict[str, Any]) -> None:
    length = len(json.dumps(configuration, indent=2, ensure_ascii=False))
    if length > MEDIA_CONFIGURATION_MAX:
        raise ContractViolation(
            "MEDIA_CONFIG_TOO_LONG",
            f"as indented JSON it has {length} characters, {MEDIA_CONFIGURATION_MAX} are allowed",
            field="mediaConfiguration",
            fix="send it as the media library gives it",
        )
