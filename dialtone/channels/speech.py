"""How a prompt is spoken by Azure's speech service: SSML, its voices, and for which prompts a plain text will do."""

from html import escape
from typing import Final

from dialtone.protocol import Prompt, SayAs, VoiceGender

_INTERPRET: Final = {
    SayAs.YEAR_MONTH_DAY: 'date" format="ymd',
    SayAs.MONTH_DAY_YEAR: 'date" format="mdy',
    SayAs.DAY_MONTH_YEAR: 'date" format="dmy',
    SayAs.YEAR_MONTH: 'date" format="ym',
    SayAs.MONTH_YEAR: 'date" format="my',
    SayAs.MONTH_DAY: 'date" format="md',
    SayAs.DAY_MONTH: 'date" format="dm',
    SayAs.DAY: 'date" format="d',
    SayAs.MONTH: 'date" format="m',
    SayAs.YEAR: 'date" format="y',
    SayAs.CARDINAL: "cardinal",
    SayAs.ORDINAL: "ordinal",
    SayAs.LETTERS: "spell-out",
    SayAs.TIME12: 'time" format="hms12',
    SayAs.TIME24: 'time" format="hms24',
    SayAs.TELEPHONE: "telephone",
    SayAs.NAME: "name",
    SayAs.PHONETIC_NAME: "name",
}
"""`interpret-as` of Azure's SSML; https://learn.microsoft.com/azure/ai-services/speech-service/ (say-as)."""

VOICES: Final = {VoiceGender.MALE: "en-US-AndrewMultilingualNeural", VoiceGender.FEMALE: "en-US-AvaMultilingualNeural"}
"""Voices of texts that have to be SSML, which names its voice; both speak every language of the kit's prompts."""


def gender_of(prompt: Prompt) -> VoiceGender:
    """Whose voice speaks it."""
    return VoiceGender.FEMALE if prompt.voice is VoiceGender.FEMALE else VoiceGender.MALE


def locale_of(prompt: Prompt) -> str:
    """The language that it is spoken in."""
    return prompt.culture or prompt.blob_culture or "en-US"


def needs_ssml(prompt: Prompt) -> bool:
    """Whether it is emphasized, or pronounced as something."""
    return bool(prompt.emphasize or (prompt.say_as and prompt.say_as in _INTERPRET))


def ssml_of(prompt: Prompt, text: str) -> str:
    """A prompt's text as SSML."""
    locale, interpret = locale_of(prompt), _INTERPRET.get(prompt.say_as) if prompt.say_as else None
    spoken = escape(text)
    if interpret is not None:
        spoken = f'<say-as interpret-as="{interpret}">{spoken}</say-as>'
    if prompt.emphasize:
        spoken = f'<emphasis level="strong">{spoken}</emphasis>'
    return (
        f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="{escape(locale)}">'
        f'<voice name="{VOICES[gender_of(prompt)]}">{spoken}</voice></speak>'
    )
