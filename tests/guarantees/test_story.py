"""Random dialogs in random storms. A failing example prints its dialogs and its seed, which repeat it."""

import asyncio

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.dialogs.test_any_dialog import PROGRAMS, Program
from tests.guarantees.story import Story

FIRST = st.sampled_from([[("record", 1)], [("choose", "A?", 1), ("record", 0)], [("now",), ("run", 1)], []])
BEGUN = st.tuples(FIRST, PROGRAMS).map(lambda parts: [*parts[0], *parts[1]])
VERSIONS = st.lists(st.lists(BEGUN, min_size=1, max_size=3), min_size=1, max_size=2)
"""The dialogs of a bot, and those of the version after it. What asks for something early meets more weather."""


@settings(max_examples=200, deadline=None, print_blob=True)
@given(VERSIONS, st.integers(0, 2**32 - 1))
def test_each_outcome_has_its_effect_once(versions: list[list[Program]], seed: int) -> None:
    story = Story(versions, seed)

    async def tell() -> None:
        await story.tell()
        await story.check()

    asyncio.run(tell())
    event(f"{len(story.house.storm.inserted)} turns")
    event(f"{len(story.house.storm.recorded)} recordings")
    event(f"{len(story.answers)} answers to {len(story.sent)} callbacks")
