"""`dialtone explore`, as it is typed."""

import json

import pytest
from typer.testing import CliRunner, Result

from dialtone.commands import app
from dialtone.errors import ConfigurationError
from tests.pages import ROOT

FAULTY = "tests.dialogs.faulty"


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def explored(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explore", *arguments])


def test_nothing_found_is_0() -> None:
    done = explored("bots.hello:bot")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "an incoming call",
        "`- say Watson... come here!",
        "   `- the bot hangs up",
        "",
        "2 states, 1 outcomes: nothing is wrong",
    ]


def test_something_found_is_1() -> None:
    done = explored(f"{FAULTY}.exception:bot")
    assert done.exit_code == 1
    question = "Shall we deliver to the same address? Press 1 for yes, or 2 for no."
    assert done.stdout.splitlines()[-5:-1] == [
        "exception  tests/dialogs/faulty/exception.py:12",
        "  KeyError: 'address'",
        f"  path: an incoming call > {question}: yes > user_data: no data",
        "  fix: catch it, or keep it from happening",
    ]


def test_findings_do_not_spoil_a_drawing() -> None:
    done = explored(f"{FAULTY}.exception:bot", "--format", "mermaid")
    assert done.exit_code == 1
    assert done.stdout.startswith("flowchart TD\n")
    assert "finding" not in done.stdout
    assert "1 finding" in done.stderr


@pytest.mark.parametrize("arguments", [["bots.hello:bot", "--depth", "0"], ["bots.hello:bot", "--format", "png"], []])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert explored(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["bots.nobody:bot"], "DIALTONE_BOT"),
        ([":"], "DIALTONE_BOT"),
        (["bots.hello:bot", "--example", "look_up"], "--example"),
        (["bots.hello:bot", "--example", "look_up={"], "--example"),
        (["bots.hello:bot", "--example", "=1"], "--example"),
    ],
)
def test_what_cannot_be_understood_is_an_error_of_usage(arguments: list[str], field: str) -> None:
    """`dialtone.cli` explains it and ends with 2."""
    error = explored(*arguments).exception
    assert isinstance(error, ConfigurationError)
    assert error.field == field


def test_examples_are_walked() -> None:
    paid = ["--example", 'payment={"paid": true}', "--example", 'payment={"paid": false}']
    done = explored("bots.payment:bot", *paid)
    assert done.exit_code == 0
    assert "say refused" in done.stdout
    assert "say paid" in done.stdout


def test_options_reach_the_walk() -> None:
    assert explored(f"{FAULTY}.missing_translation:bot").exit_code == 0
    assert explored(f"{FAULTY}.missing_translation:bot", "--languages", "en, de").exit_code == 1
    assert explored("bots.reception:bot", "--max-turns", "3").exit_code == 1
    assert "paths of more than 1 outcomes" in explored("bots.reception:bot", "--depth", "1").stdout
    assert "the walk was given up after " in explored("bots.reception:bot", "--states", "3").stdout


def test_the_json() -> None:
    done = explored(f"{FAULTY}.exception:bot", "--format", "json")
    found = json.loads(done.stdout)
    assert (found["version"], found["complete"], found["notReached"]) == (1, True, [])
    (finding,) = found["findings"]
    assert (finding["kind"], finding["line"], finding["function"]) == (
        "exception",
        "tests/dialogs/faulty/exception.py:12",
        "returning",
    )
    numbers = {state["number"] for state in found["states"]}
    assert {outcome["from"] for outcome in found["outcomes"]} | {0} <= numbers
    assert {outcome["to"] for outcome in found["outcomes"]} <= numbers
    assert any(outcome["failed"] for outcome in found["outcomes"])
