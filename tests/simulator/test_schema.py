"""The schema of scripts says what the reader of scripts says."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from simulator.faults import FAULTS
from simulator.schema import script_schema
from simulator.script import ScriptError, read_script
from tests.simulator.test_script import GOOD, ODD

ROOT = Path(__file__).parents[2]
SCRIPTS = [*(ROOT / "simulator" / "scripts").rglob("*.yaml"), *(ROOT / "tests" / "compliance").rglob("*.yaml")]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = script_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_every_member_says_what_it_is_for() -> None:
    schema = script_schema()
    for name, part in [("Script", schema), *schema["$defs"].items()]:
        if name == "JsonValue":
            continue  # Anything.
        assert part.get("description"), name
        assert all("description" in member for member in part["properties"].values()), name
    assert {f"{verb.title().replace('_', '')}Fault" for verb in FAULTS} <= schema["$defs"].keys()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_good_script_is_good(validator: Any, path: Path) -> None:
    validator.validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: a call\n", ""),
        ('"2#A"', "2"),
        ('"2#A"', '"2x"'),
        ("pause", "paus"),
        ("pause: 1", 'press: "1"'),
        ("hear: press", "hear: 5"),
        ("wait: 2", "wait: -1"),
        ("hang_up: true", "hang_up: no"),
        ("ended_by: bot", "ended_by: me"),
        ('"8:nora"', "nora"),
        ("status: 400", "status: 99"),
        ("duplicate: 2", "duplicate: 99"),
        ("duplicate: 2, at: 1", "duplicate: 2"),
        ("dead_air: 3", "dead_air: 0"),
        ("{bot: Welcome}", "{you: Welcome}"),
    ],
)
def test_both_refuse_the_same(validator: Any, old: str, new: str) -> None:
    text = next(text for text in (GOOD, ODD) if old in text)
    validator.validate(yaml.safe_load(text))
    with pytest.raises(ScriptError):
        read_script(text.replace(old, new))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(yaml.safe_load(text.replace(old, new)))
