import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import audio
from simulator.script import Hear, Script, ScriptError, Speak, WavFile, matches, read_script, read_script_file

GOOD = """\
name: a call
caller: {identity: "8:nora", name: Nora}
steps:
  - hear: press
    pause: 1
  - hear: /a.b/
  - hear: {prompt: main-menu}
  - press: "2#A"
  - speak: hi
  - wait: 2
  - hang_up: true
expect: {ended_by: bot, heard: [a]}
"""


def test_a_script_is_read() -> None:
    script = read_script(GOOD)
    verbs = [next(iter(step.model_dump())) for step in script.steps]
    assert verbs == ["hear", "hear", "hear", "press", "speak", "wait", "hang_up"]
    assert [step.pause for step in script.steps if isinstance(step, Hear)] == [1, 0.5, 0.5]
    assert (script.caller.language, script.transfer_fails, script.expect.turns) == ("en-US", False, None)
    assert read_script('{"name": "json", "steps": [{"press": "1"}]}').name == "json"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "line 1: script:", "there is nothing in it"),
        ("[]", "line 1: script:", "name, caller, others, meeting, steps"),
        ("a: [", "line 1:", "not YAML"),
        ("name: 2020-13-45", "", "not YAML"),
        ("!!python/object:os.system x", "line 1:", "not YAML"),
        (GOOD.replace("name: a call\n", ""), "name:", "it is missing"),
        (GOOD + "steps_: 1\n", "line 13: steps_:", "no such member"),
        (GOOD.replace('"2#A"', "2"), "line 8: steps.3.press:", "in quotes"),
        (GOOD.replace('"2#A"', '"2x"'), "line 8: steps.3.press:", "0-9 * # A B C D"),
        (GOOD.replace('"2#A"', '"1\\n"'), "line 8: steps.3.press:", "0-9 * # A B C D"),
        (GOOD.replace("pause", "paus"), "line 5: steps.0.paus:", "allowed: hear, barge_in, pause"),
        (GOOD.replace("hear: press", "her: press"), "line 4: steps.0:", "exactly one of hear, press"),
        (GOOD.replace("pause: 1", 'press: "1"'), "line 4: steps.0:", "exactly one of hear, press"),
        (GOOD.replace("hear: press", "hear: 5"), "line 4: steps.0.hear:", "{prompt: name}"),
        (GOOD.replace("hear: press", 'hear: " "'), "line 4: steps.0.hear:", "blank"),
        (GOOD.replace("/a.b/", "/a(b/"), "line 6: steps.1.hear:", "not a regular expression"),
        (GOOD.replace("prompt:", "prompts:"), "line 7: steps.2.hear.prompts:", "no such member"),
        (GOOD.replace("wait: 2", "wait: -1"), "line 10: steps.5.wait:", "seconds, 0 to 3600"),
        (GOOD.replace("hang_up: true", "hang_up: no"), "line 11: steps.6.hang_up:", "allowed: true"),
        (GOOD.replace("ended_by: bot", "ended_by: me"), "line 12: expect.ended_by:", "bot, caller or platform"),
        (GOOD.replace('"8:nora"', "nora"), "line 2: caller.identity:", "a colon and a name"),
        (GOOD.replace("speak: hi", "speak: {wav: x.wav}"), "x.wav", "only a script on disk"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_is_allowed(text: str, where: str, what: str) -> None:
    with pytest.raises(ScriptError) as error:
        read_script(text, "calls/nora.yaml")
    message = str(error.value)
    assert message.startswith("calls/nora.yaml")
    assert where in message
    assert what in message


def test_a_step_that_is_wrong_is_the_only_thing_that_is_said() -> None:
    with pytest.raises(ScriptError) as error:
        read_script("name: x\nsteps:\n  - press: 1\n")
    assert str(error.value).splitlines() == [str(error.value)]
    with pytest.raises(ScriptError, match=r"steps: .*at least 1"):
        read_script("name: x\nsteps: []")


def test_a_wav_file_is_found_beside_the_script(tmp_path: Path) -> None:
    path = tmp_path / "nora.yaml"
    path.write_text(GOOD.replace("speak: hi", "speak: {wav: hi.wav}"))
    with pytest.raises(ScriptError, match=r"hi\.wav"):
        read_script_file(path)
    (tmp_path / "hi.wav").write_bytes(b"not sound")
    with pytest.raises(ScriptError, match="not wav"):
        read_script_file(path)
    (tmp_path / "hi.wav").write_bytes(audio.encode(audio.tone(0.5), "wav"))
    script = read_script_file(path)
    assert script.pcm_of(Speak(speak=WavFile(wav="hi.wav"))) == audio.tone(0.5)


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="cannot be read"):
        read_script_file(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ScriptError, match="cannot be read"):
        read_script_file(tmp_path / "bytes.yaml")


@given(st.text() | st.sampled_from([GOOD]).flatmap(lambda text: st.integers(0, len(text)).map(lambda n: text[:n])))
def test_any_text_is_a_script_or_a_script_error(text: str) -> None:
    with contextlib.suppress(ScriptError):
        assert isinstance(read_script(text), Script)


@pytest.mark.parametrize(
    ("wanted", "text", "result"),
    [
        ("Press", "please PRESS 1", True),
        ("to the bot", "Welcome  to the\nBOT.", True),
        ("support", "sales", False),
        ("/^press [12]$/", "Press 2", True),
        ("/^press [12]$/", "Press 3", False),
        ("and/or", "this and/or that", True),
    ],
)
def test_texts_match(wanted: str, text: str, result: bool) -> None:
    assert matches(wanted, text) is result


@pytest.mark.parametrize(
    ("name", "text", "file", "result"),
    [
        ("main-menu", None, "main-menu.wav", True),
        ("main-menu", None, "Main-Menu.en-US.wav", True),
        ("main-menu.wav", None, "main-menu.wav", True),
        ("main", None, "main-menu.wav", False),
        ("menu", "This is the menu.", None, True),
        ("menu", "Goodbye.", None, False),
    ],
)
def test_prompts_are_known_by_name(name: str, text: str | None, file: str | None, result: bool) -> None:
    step = Hear.model_validate({"hear": {"prompt": name}})
    assert step.matches(text, file) is result


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "simulator" / "scripts").rglob("*.yaml")), ids=str)
def test_the_scripts_that_come_with_it_are_good(path: Path) -> None:
    assert read_script_file(path).steps


ODD = """\
name: odd
steps:
  - send: {id: "{call}", callState: established}
    status: 400
  - send: not JSON
    to: bot
    content_type: text/plain
faults: [{duplicate: 2, at: 1}]
expect:
  dead_air: 3
  transcript: [{bot: Welcome}, {caller: "2"}]
"""


def test_odd_messages_faults_and_transcripts_are_read() -> None:
    script = read_script(ODD)
    assert [step.model_dump(exclude_defaults=True) for step in script.steps] == [
        {"send": {"id": "{call}", "callState": "established"}, "status": 400},
        {"send": "not JSON", "to": "bot", "content_type": "text/plain"},
    ]
    assert [str(fault) for fault in script.faults] == ["duplicate=2@1"]
    assert [line.model_dump() for line in script.expect.transcript] == [{"bot": "Welcome"}, {"caller": "2"}]


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("status: 400", "status: 99", "line 4: steps.0.status:", "200 to 599"),
        ("to: bot", "to: me", "line 6: steps.1.to:", "callback or bot"),
        ("duplicate: 2", "duplicate: 99", "line 8: faults.0.duplicate:", "copies, 1 to 16"),
        ("duplicate: 2, at: 1", "duplicate: 2", "line 8: faults.0", "it is missing"),
        ("duplicate: 2, at: 1", "rain: 2, at: 1", "line 8: faults.0:", "exactly one of duplicate, reorder"),
        ("at: 1}", "at: 1, by: 2}", "line 8: faults.0.by:", "allowed: at, duplicate"),
        ("dead_air: 3", "dead_air: 0", "line 10: expect.dead_air:", "seconds, above 0"),
        ("{bot: Welcome}", "{you: Welcome}", "line 11: expect.transcript.0:", "{caller: words or keys}"),
        ("{bot: Welcome}", '{bot: "/a(/"}', "line 11: expect.transcript.0.bot:", "not a regular expression"),
    ],
)
def test_what_is_wrong_with_odd_things_is_named(old: str, new: str, where: str, what: str) -> None:
    assert old in ODD
    with pytest.raises(ScriptError) as error:
        read_script(ODD.replace(old, new))
    assert where in str(error.value)
    assert what in str(error.value)
