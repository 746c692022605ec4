"""Each guard is needed: with any one of them gone, the stories of `tests.guarantees.story` go wrong.

| guard                                                          | rule of the story that fails without it          |
|----------------------------------------------------------------|--------------------------------------------------|
| a turn is inserted if it is not there                          | 2 a turn is made once                            |
| the appState is signed                                         | 8 what is forged is refused                      |
| an outcome answers the request whose fingerprint is pending    | 4 each outcome has its effect once               |
| a callback that lost the turn gets the stored reply            | 3 all replies for a turn are the same            |
| a turn that wants an activity looks first whether it is stored | 5 nothing is run for a turn that is stored       |
| a recording is written if it is not there                      | 6 a recording is written once                    |
| a recording's path has the day on which its call began         | 6 no recording is doubled                        |
| a recording is stored before its turn                          | 4 each outcome has its effect once               |
| a dialog that is done stays done                               | 4 each outcome has its effect once               |
| the sweeper leaves a call alone that is not silent for long    | 4 only a call that is silent for long is lost    |
| a call is listed before its first turn is answered             | 7 its end is told                                |
| a call is listed as ended after its last turn is stored        | 7 its end is told                                |
| data is saved after its turn is stored                         | 4 each outcome has its effect once               |
| only the turn that is stored saves data                        | 9 users' data is what the journal tells          |
| data is saved before its turn is answered                      | 9 users' data is what the journal tells          |
| a turn whose data is saved is marked                           | 9 users' data is what the journal tells          |
| a signal is inserted if it is not there                        | 10 a signal is kept once                         |
| a signal that was heard is not looked for again                | 10 a signal is taken once                        |

A guard is taken away in this process, for as long as the storm lasts. The seeds are counted from 0, so that each search
is the same in every run.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from dialtone.channels import skype
from dialtone.dialogs import CallBot, CallFacts, Event, History, StoredRecording, Turn, take_turn
from dialtone.dialogs.run import Run
from dialtone.dialogs.tape import Tape
from dialtone.errors import StorageUnavailable
from dialtone.storage import CallRecord, TurnRow
from dialtone.storage.backend import Entity
from dialtone.storage.calls import CallStore
from dialtone.storage.data import DataStore
from dialtone.storage.memory import MemoryContainer, MemoryTable
from functions.journal import Journal
from functions.skype_turn import SkypeTurns
from functions.turn import Turns
from tests.dialogs.test_any_dialog import Program
from tests.guarantees.story import Story

STORIES = 1000
BOTS: list[list[list[Program]]] = [
    [[[("record", 1), ("run", 1)]]],
    [[[("now",), ("run", 1), ("choose", "A?", 1), ("run", [1]), ("record", 0)]]],
    [[[("cleanup", [("choose", "A?", 0), ("random",), ("record", 0)], [("say", "Well.")]), ("run", "text")]]],
    [[[("choose", "A?", 0), ("choose", "B?", 0)]], [[("digits", 0), ("choose", "B?", 0)]]],
    [[[("choose", "A?", 1), ("replace", [1])], [("record", 0), ("transfer", "8:desk")]]],
    [[[("count",), ("choose", "A?", 1), ("count",), ("set", "private", "a", 1), ("choose", "B?", 1), ("count",)]]],
    [[[("signal", "paid", 15), ("choose", "A?", 1), ("signal", "paid", 15), ("choose", "B?", 0)]]],
]
"""The dialogs of each bot, and those of the version after it."""

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Guard:
    """Something that keeps a promise; `remove` takes it away; `rule` is the one that a story then breaks."""

    name: str
    remove: Callable[[Patch], None]
    rule: int


def insert_over_what_is_there(patch: Patch) -> None:
    async def insert(self: MemoryTable, entity: Entity) -> bool:
        await self.put(entity)
        return True

    patch.setattr(MemoryTable, "insert", insert)


def believe_any_signature(patch: Patch) -> None:
    patch.setattr("dialtone.appstate.hmac.compare_digest", lambda signature, given: True)


def believe_any_fingerprint(patch: Patch) -> None:
    patch.setattr(Tape, "check", lambda self, recorded, asked: None)


def answer_as_if_the_turn_were_won(patch: Patch) -> None:
    commit = Journal.commit

    async def won(self: Journal, before: History | None, facts: CallFacts, row: TurnRow) -> TurnRow:
        await commit(self, before, facts, row)
        return row

    patch.setattr(Journal, "commit", won)


def run_without_looking(patch: Patch) -> None:
    async def not_taken(self: Turns, history: History) -> None:
        return None

    patch.setattr(Turns, "_taken", not_taken)


def write_over_a_recording(patch: Patch) -> None:
    put = MemoryContainer.put

    async def over(self: MemoryContainer, *args: Any, overwrite: bool) -> bool:
        return await put(self, *args, overwrite=True)

    patch.setattr(MemoryContainer, "put", over)


def file_a_recording_under_today(patch: Patch) -> None:
    store = SkypeTurns._store_recording

    async def today(self: SkypeTurns, before: History | None, incoming: skype.Incoming) -> StoredRecording | None:
        if before is not None:
            before = before._replace(facts=replace(before.facts, started=self.clock()))
        return await store(self, before, incoming)

    patch.setattr(SkypeTurns, "_store_recording", today)


def go_on_without_the_sound(patch: Patch) -> None:
    store = SkypeTurns._store_recording

    async def careless(self: SkypeTurns, before: History | None, incoming: skype.Incoming) -> StoredRecording | None:
        with suppress(StorageUnavailable):
            return await store(self, before, incoming)
        return None

    patch.setattr(SkypeTurns, "_store_recording", careless)


def go_on_after_the_end(patch: Patch) -> None:
    def endless(bot: CallBot, history: History | None, event: Event) -> Turn:
        return take_turn(bot, history._replace(done=False) if history is not None else None, event)

    patch.setattr("functions.turn.take_turn", endless)


def lose_calls_at_once(patch: Patch) -> None:
    lost = Turns.lost

    async def at_once(self: Turns, record: CallRecord) -> bool:
        return await lost(replace(self, settings=replace(self.settings, sweep_after=0.0)), record)

    patch.setattr(Turns, "lost", at_once)


def answer_a_call_that_is_not_listed(patch: Patch) -> None:
    index = Journal.index

    async def careless(self: Journal, facts: CallFacts, row: TurnRow) -> None:
        with suppress(StorageUnavailable):
            await index(self, facts, row)

    patch.setattr(Journal, "index", careless)


def list_the_end_first(patch: Patch) -> None:
    commit = Journal.commit

    async def hasty(self: Journal, before: History | None, facts: CallFacts, row: TurnRow) -> TurnRow:
        if before is not None and row.done:
            with suppress(StorageUnavailable):
                await self.index(facts, row)
        return await commit(self, before, facts, row)

    patch.setattr(Journal, "commit", hasty)


def save_first(patch: Patch) -> None:
    commit = Journal.commit

    async def hasty(self: Journal, before: History | None, facts: CallFacts, row: TurnRow) -> TurnRow:
        await self.save(row, is_new=True)
        return await commit(self, before, facts, row)

    patch.setattr(Journal, "commit", hasty)


def save_what_was_not_stored(patch: Patch) -> None:
    commit = Journal.commit

    async def own(self: Journal, before: History | None, facts: CallFacts, row: TurnRow) -> TurnRow:
        kept = await commit(self, before, facts, row)
        await self.save(row, is_new=True)
        return kept

    patch.setattr(Journal, "commit", own)


def save_again(patch: Patch) -> None:
    async def never(self: CallStore, call_id: str, sequence: int) -> bool:
        return False

    patch.setattr(CallStore, "is_saved", never)


def go_on_without_the_data(patch: Patch) -> None:
    save = DataStore.save

    async def careless(self: DataStore, *args: Any, **kwargs: Any) -> None:
        with suppress(StorageUnavailable):
            await save(self, *args, **kwargs)

    patch.setattr(DataStore, "save", careless)


def insert_over_a_signal(patch: Patch) -> None:
    insert = MemoryTable.insert

    async def over(self: MemoryTable, entity: Entity) -> bool:
        if entity["RowKey"].startswith("signal-"):
            await self.put(entity)
            return True
        return await insert(self, entity)

    patch.setattr(MemoryTable, "insert", over)


def hear_a_signal_again(patch: Patch) -> None:
    patch.setattr(Run, "heard", property(lambda self: frozenset()))


GUARDS = [
    Guard("insert if not there", insert_over_what_is_there, 2),
    Guard("signature", believe_any_signature, 8),
    Guard("pending fingerprint", believe_any_fingerprint, 4),
    Guard("stored reply", answer_as_if_the_turn_were_won, 3),
    Guard("look before run", run_without_looking, 5),
    Guard("write a recording if not there", write_over_a_recording, 6),
    Guard("day of the call", file_a_recording_under_today, 6),
    Guard("sound before turn", go_on_without_the_sound, 4),
    Guard("done stays done", go_on_after_the_end, 4),
    Guard("silent for long", lose_calls_at_once, 4),
    Guard("listed before the answer", answer_a_call_that_is_not_listed, 7),
    Guard("end listed after its turn", list_the_end_first, 7),
    Guard("data after turn", save_first, 4),
    Guard("data of the turn that is stored", save_what_was_not_stored, 9),
    Guard("data before the answer", go_on_without_the_data, 9),
    Guard("data once", save_again, 9),
    Guard("insert a signal if not there", insert_over_a_signal, 10),
    Guard("signals that were heard", hear_a_signal_again, 10),
]


@contextmanager
def without(guard: Guard) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        guard.remove(patch)
        yield


async def broken_rule(story: Story) -> int:
    """The number of the rule that a story breaks; 0 when it breaks none."""
    try:
        await story.tell()
        await story.check()
    except AssertionError as failure:
        return int(str(failure).partition(":")[0])
    return 0


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_story_goes_wrong_without(guard: Guard) -> None:
    """A guard keeps more than one promise; the search goes on until it finds the one of the table."""
    found: Counter[int] = Counter()
    for seed in range(STORIES):
        story = Story(BOTS[seed % len(BOTS)], seed, partial(without, guard))
        rule = asyncio.run(broken_rule(story))
        if rule == guard.rule:
            return
        found[rule] += 1
    pytest.fail(f"{STORIES} stories went well without the guard; rules that were broken: {dict(found)}")
