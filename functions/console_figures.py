"""What the console counts: figures of a day's latest calls, the way that callers took, prompts against the bot.

The journal is what is counted: of CALLS calls at most, by one range read each. Nothing that a caller typed or said is
in a figure: an outcome is the name of a choice that the bot offers, or that there was none.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from dialtone.dialogs import CallBot
from dialtone.dialogs.requests import Code
from dialtone.storage import CallRecord, Storage, TurnRow, call_key
from dialtone.storage.backend import together
from dialtone.storage.keys import day_of
from dialtone.storage.ledger import Entry
from dialtone.storage.prompt_report import report
from functions.journal import LOST
from functions.turn import Turns

if TYPE_CHECKING:
    from dialtone.dialogs.explorer.flow import Flow, Node
    from dialtone.dialogs.explorer.graph import Exploration

CALLS: Final = 200
AT_ONCE: Final = 20
EXPLORE_S: Final = 5.0
STATES: Final = 3000
_NO_ANSWER: Final = {"initialSilenceTimeout": "silence", "incorrectDtmf": "wrong key"}

Outcomes = Counter[tuple[str, str]]
"""How often a question, by its fingerprint, came to an outcome."""


async def figures(there: Turns, day: str) -> dict[str, Any]:
    """Figures of the latest calls of a day."""
    records, journals, everything = await _journals(there.storage, day)
    took = sorted(row.took for rows in journals for row in rows if row.event != LOST)
    counts = Counter(record.outcome or "open" for record in records)
    _, flow = await _explored(there.bot)
    return {
        "calls": len(records),
        "all": everything,
        "answered": sum(bool(rows and rows[0].reply) for rows in journals),
        "open": counts["open"],
        "completed": counts["completed"],
        "failed": counts["failed"],
        "lost": counts["lost"],
        "dead_air_p95": took[min(len(took) - 1, int(0.95 * len(took)))] if took else None,
        "turns": sum(map(len, journals)) / len(journals) if journals else None,
        "outcomes": list(_told(flow, _outcomes(journals))),
    }


async def flow_picture(there: Turns, day: str) -> str:
    """The flow of a bot, each outcome with how often it was taken by the latest calls of a day."""
    from dialtone import layered  # it and the explorer cost a cold start
    from dialtone.dialogs.explorer.flow import Flow, Link

    _, journals, _ = await _journals(there.storage, day)
    _, flow = await _explored(there.bot)
    counted = _outcomes(journals)
    links = []
    for link in flow.links:
        source = flow.nodes[link.source]
        labels = (
            [f"{label}: {_count(source, label, counted)}" for label in link.labels] if source.marks else link.labels
        )
        links.append(Link(link.source, link.target, list(labels)))
    return await asyncio.to_thread(layered.svg, Flow(flow.nodes, links), "The flow of the bot, with outcomes")


async def prompts(there: Turns) -> dict[str, Any]:
    """What is uploaded, what became of it, and what is missing or unused for this bot."""
    store = there.storage.prompts
    statuses = await store.statuses()
    found, _ = await _explored(there.bot)
    compared = report(found.prompts, [status.slot for status in statuses])
    return {
        "prompts": [asdict(status) for status in statuses],
        "strangers": await store.strangers(),
        "bot": asdict(compared),
        "texts": {name: next(iter(texts.values()), "") for name, texts in found.prompts.items()},
    }


async def recordings_of(storage: Storage, began: float, call_id: str) -> list[Entry]:
    """What the ledger has of a call's recordings."""
    return await storage.ledger.of_call(day_of(began), call_key(call_id))


async def _journals(storage: Storage, day: str) -> tuple[list[CallRecord], list[list[TurnRow]], bool]:
    """The latest calls of a day, their turns, and whether these are all calls of that day."""
    page = await storage.calls.search(day=day, limit=CALLS)
    journals: list[list[TurnRow]] = []
    for start in range(0, len(page.records), AT_ONCE):
        batch = page.records[start : start + AT_ONCE]
        journals += await together(*(storage.calls.turns(record.call_id) for record in batch))
    return page.records, journals, not page.next


def _outcomes(journals: Iterable[list[TurnRow]]) -> Outcomes:
    counted: Outcomes = Counter()
    for rows in journals:
        for row in rows:
            for mark, code, *rest in json.loads(row.entries or "{}").get("e", ()):
                reason = rest[0] if rest else ""
                value = rest[1] if len(rest) > 1 else None
                if code == Code.ANSWERED and isinstance(value, str):
                    counted[mark, value] += 1
                elif code == Code.UNANSWERED and reason in _NO_ANSWER:
                    counted[mark, _NO_ANSWER[reason]] += 1
    return counted


def _count(node: "Node", label: str, counted: Outcomes) -> int:
    return sum(counted[mark, label] for mark in node.marks)


def _told(flow: "Flow", counted: Outcomes) -> Iterable[dict[str, Any]]:
    """The outcomes of each question that was asked, the most frequent first."""
    for node in flow.nodes:
        labels = dict.fromkeys(
            [*(label for link in flow.links_from(node.number) for label in link.labels), *node.again]
        )
        counts = {label: _count(node, label, counted) for label in labels}
        whole = sum(counts.values())
        for label, count in sorted(counts.items(), key=lambda each: -each[1]):
            if count:
                question = ", ".join(node.texts)
                yield {"question": question, "outcome": label, "count": count, "share": count / whole}


async def _explored(bot: CallBot) -> "tuple[Exploration, Flow]":
    return await asyncio.to_thread(_walk, bot)


@cache
def _walk(bot: CallBot) -> "tuple[Exploration, Flow]":
    from dialtone.dialogs.explorer import explore  # costs a cold start
    from dialtone.dialogs.explorer.flow import flow_of

    until = monotonic() + EXPLORE_S
    found = explore(bot, states=STATES, enough=lambda: monotonic() > until)
    return found, flow_of(found)
