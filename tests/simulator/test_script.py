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
        ("", "line 1: script:", "name, caller, steps"),
        ("[]", "line 1: script:", "name, caller, steps"),
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


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "simulator" / "scripts").glob("*.yaml")), ids=str)
def test_the_scripts_that_come_with_it_are_good(path: Path) -> None:
    assert read_script_file(path).steps
