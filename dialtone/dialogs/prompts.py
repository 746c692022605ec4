"""What an author gives to be spoken."""

from dataclasses import dataclass
from typing import Final

from dialtone import protocol
from dialtone.dialogs.language import Localize


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to say: its name, under which an operator may upload a recording or another text, and the
    text that is spoken when nobody did.

    The blob is `prompts/<name>[.<culture>].(wav|wma|mp3|ssml|txt)`; docs/how-to/prompts.md says more. A prompt without
    a name cannot be replaced. `voice` is `male` (the platform's default) or `female`; `silence_ms` (0 to 60000) is
    played before it; `say_as` and `emphasize` are the contract's hints to the speech synthesizer. After a prompt
    that is `secret` the digits that the caller types are stored nowhere but sealed, and the dialog gets a `Secret`.
    """

    name: str = ""
    text: str = ""
    voice: protocol.VoiceGender | None = None
    silence_ms: int | None = None
    say_as: protocol.SayAs | None = None
    emphasize: bool | None = None
    secret: bool = False

    @property
    def identity(self) -> str:
        """What tells this prompt from another when a call goes on under new code: the name, else the text."""
        return self.name or self.text

    def to_protocol(
        self, language: str = "", localize: Localize | None = None, voice: protocol.VoiceGender | None = None
    ) -> protocol.Prompt:
        """The prompt as the contract has it, with its own text in a language, and a voice if it has none itself.

        An operator's blob may replace the text later (`blob_name`, `blob_culture`).
        """
        text = localize(language, self.text) if localize is not None and language and self.text else None
        return protocol.Prompt(
            value=(self.text if text is None else text) or None,
            voice=self.voice or voice,
            silence_length_in_milliseconds=self.silence_ms,
            say_as=self.say_as,
            emphasize=self.emphasize,
            blob_name=self.name or None,
            blob_culture=language or None,
        )


def as_prompt(prompt: "Prompt | str") -> Prompt:
    """A bare text is a prompt without a name."""
    return prompt if isinstance(prompt, Prompt) else Prompt(text=prompt)


APOLOGY: Final = Prompt("apology", "I'm sorry. Something went wrong. Please call again later.")
"""Spoken before a call is hung up whose dialog has failed. Operators replace it like any other prompt."""
