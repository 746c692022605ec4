"""What the prompts of a workflow play: what operators have uploaded, and links to recordings."""

from collections.abc import Iterable

from dialtone.channels import skype
from dialtone.protocol import RECORDING_SCHEME, Action
from dialtone.storage import Storage


async def resolve_prompts(storage: Storage, actions: Iterable[Action], channel: str, began: float) -> None:
    """Put into each prompt what is played, in place.

    A named prompt gets what operators had uploaded for this channel when the call began (Unix seconds), in the prompt's
    language; without an upload it keeps its text. A path of a recording becomes a link to it. Raises `DependencyError`.
    """
    prompts = [prompt for action in actions for prompt in skype.prompts_of(action)]
    named = [prompt for prompt in prompts if prompt.blob_name]
    for culture in {prompt.blob_culture for prompt in named}:
        spoken = [prompt for prompt in named if prompt.blob_culture == culture]
        names = {prompt.blob_name or "" for prompt in spoken}
        found = await storage.prompts.resolve(names, culture, channel=channel, as_of=began)
        for prompt in spoken:
            if (uploaded := found.get(prompt.blob_name or "")) is not None:
                prompt.value, prompt.file_uri = uploaded.text, uploaded.file_uri
    for prompt in prompts:
        if prompt.file_uri and prompt.file_uri.startswith(RECORDING_SCHEME):
            prompt.file_uri = await storage.recordings.link(prompt.file_uri.removeprefix(RECORDING_SCHEME))
