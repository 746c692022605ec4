"""The table of what channels can do leaves out no action and no option."""

import pytest

from dialtone.channels.capabilities import TABLE, Refused, refusal_of
from dialtone.protocol import ACTIONS, Answer, ModalityType, PlayPrompt, Prompt

ROWS = {(row.action, row.option) for row in TABLE}
NOT_OPTIONS = {"operationId", "action", "blobName", "blobCulture"}


def options_of(action: str) -> set[str]:
    """The members of an action, as the wire has them; those of prompts under the member that holds them."""
    members = {field.alias or name for name, field in ACTIONS[action].model_fields.items()} - NOT_OPTIONS
    if action == "placeCall":
        return {""}
    prompts = {f"prompts.{field.alias or name}" for name, field in Prompt.model_fields.items()}
    prompts -= {f"prompts.{name}" for name in NOT_OPTIONS}
    if "prompts" in members:
        members = members - {"prompts"} | prompts
    if "playPrompt" in members:
        members = members - {"playPrompt"} | {f"playPrompt.{each}" for each in prompts}
    return members | {""}


@pytest.mark.parametrize("action", [name for name in ACTIONS if name not in ("recognize", "transfer")])
def test_every_option_of_an_action_is_told(action: str) -> None:
    told = {option.partition("=")[0] for name, option in ROWS if name == action}
    assert told == options_of(action)


@pytest.mark.parametrize("action", ["recognize", "transfer"])
def test_every_member_of_what_is_made_of_parts_is_told(action: str) -> None:
    told = {option.partition("=")[0].partition(".")[0] for name, option in ROWS if name == action}
    assert told | {""} == {option.partition(".")[0] for option in options_of(action)}


def test_no_row_is_there_twice() -> None:
    assert len(ROWS) == len(TABLE)


def test_a_refusal_is_a_text_of_the_table() -> None:
    texts = {way.text for row in TABLE for way in (row.acs, row.teams_phone) if isinstance(way, Refused)}
    assert refusal_of(Answer(operation_id="a", accept_modality_types=[ModalityType.VIDEO])) in texts
    assert refusal_of(Answer(operation_id="a")) == ""
    assert refusal_of(PlayPrompt(operation_id="p", prompts=[Prompt(value="Hi")])) == ""
