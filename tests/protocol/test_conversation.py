"""Who is who in a call."""

from dialtone.protocol import Conversation, Participant
from tests.protocol.test_model import CONVERSATION


def test_who_is_who() -> None:
    conversation = Conversation.from_wire(CONVERSATION)
    assert conversation.caller == conversation.participants[0]
    assert conversation.bot == conversation.participants[1]
    assert not conversation.is_multiparty


def test_a_group_call_may_name_no_originator_and_no_bot() -> None:
    people = [{"identity": "8:a", "originator": False}, {"identity": "8:b", "originator": False}]
    conversation = Conversation.from_wire(CONVERSATION | {"participants": people})
    assert conversation.caller is None
    assert conversation.bot is None


def test_identities_are_compared_without_case() -> None:
    nora = Participant(identity="8:Nora", originator=True)
    assert nora.same_as(Participant(identity="8:nora", originator=False))
    assert not nora.same_as(Participant(identity="8:nor", originator=True))
