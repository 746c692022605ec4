"""What an author gives to be spoken."""

from dataclasses import dataclass
from typing import Final

from dialtone import protocol


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to say: its name, under which an operator may upload a recording or another text, and the
    text that is spoken when nobody did.

    The blob is `prompts/<name>[.<culture>].(wav|wma|txt)`. A prompt without a name cannot be replaced.
    `voice` is `male` (the platform's default) or `female`; `silence_ms` (0 to 60000) is played before it;
    `say_as` and `emphasize` are the contract's hints to the speech synthesizer.
    """

    name: str = ""
    text: str = ""
    voice: protocol.VoiceGender | None = None
    silence_ms: int | None = None
    say_as: protocol.SayAs | None = None
    emphasize: bool | None = None

    @property
    def identity(self) -> str:
        """What tells this prompt from another when a call goes on under new code: the name, else the text."""
        return self.name or self.text

    def to_protocol(self) -> protocol.Prompt:
        """The prompt as the contract has it, still with its own text."""
        return protocol.Prompt(
            value=self.text or None,
            voice=self.voice,
            silence_length_in_milliseconds=self.silence_ms,
            say_as=self.say_as,
            emphasize=self.emphasize,
            blob_name=self.name or None,
        )


def as_prompt(prompt: "Prompt | str") -> Prompt:
    """A bare text is a prompt without a name."""
    return prompt if isinstance(prompt, Prompt) else Prompt(text=prompt)


# Spoken before a question is asked again; operators replace them like any other prompt. The English texts are those
# of the Node calling SDK, which callers of earlier bots know.
HEARD_NOTHING: Final = Prompt("notice-heard-nothing", "I couldn't hear anything.")
WRONG_KEY: Final = Prompt("notice-wrong-key", "That's an invalid option.")
NOT_UNDERSTOOD: Final = Prompt("notice-not-understood", "I'm sorry. I didn't understand.")
RECORDING_PROBLEM: Final = Prompt("notice-recording-problem", "I'm sorry. There was a problem with your recording.")
APOLOGY: Final = Prompt("apology", "I'm sorry. Something went wrong. Please call again later.")
