"""`dialtone explore`: walks all paths of a bot, and says what is wrong with them.

Exit codes: 0 nothing was found, 1 something was, 2 wrong usage.
"""

import json
import sys
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal

import typer

from dialtone import drawing, layered
from dialtone.dialogs.explorer import DEPTH, STATES, explore
from dialtone.dialogs.explorer.flow import flow_of
from dialtone.errors import ConfigurationError
from dialtone.loading import load_bot

Format = Literal["text", "mermaid", "svg", "json"]


def explore_bot(
    bot: Annotated[str, typer.Argument(help="The bot, as module:name.")],
    depth: Annotated[int, typer.Option(min=1, help="Outcomes after which a path is given up.")] = DEPTH,
    format: Annotated[Format, typer.Option(help="What goes to standard output.")] = "text",
    languages: Annotated[
        str, typer.Option(help="Languages to walk, with commas; the first is that of the bot's code.")
    ] = "",
    max_turns: Annotated[int, typer.Option(min=0, help="Turns that a call may take; 0: any.")] = 0,
    example: Annotated[
        list[str] | None,
        typer.Option(help="NAME=JSON: a result of a function, or a value of a signal; again for more."),
    ] = None,
    states: Annotated[int, typer.Option(min=1, help="States that are walked at most.")] = STATES,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time that the walk may take.")] = 60.0,
) -> None:
    """Walk every outcome of every question of a bot, report what is wrong, and draw its flow.

    Findings go to standard error when standard output is a drawing. Exit 1: something was found.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    until = monotonic() + seconds
    found = explore(
        load_bot(bot),
        depth=depth,
        states=states,
        languages=[language.strip() for language in languages.split(",") if language.strip()],
        max_turns=max_turns,
        examples=_examples(example or []),
        enough=lambda: monotonic() > until,
    )
    base = f"{here}/"
    flow = flow_of(found)
    match format:
        case "text":
            print(f"{drawing.text(flow, base)}\n")
        case "mermaid":
            print(drawing.mermaid(flow))
        case "svg":
            print(layered.svg(flow, bot))
        case "json":
            print(drawing.as_json(found, base))
    for line in drawing.report(found, base):
        print(line, file=sys.stdout if format == "text" else sys.stderr)
    raise typer.Exit(1 if found.findings else 0)


def _examples(given: list[str]) -> dict[str, list[Any]]:
    examples: dict[str, list[Any]] = {}
    for each in given:
        name, equals, text = each.partition("=")
        try:
            value = json.loads(text)
        except ValueError:
            equals = ""
        if not name or not equals:
            raise ConfigurationError(
                f"{each!r} is no example", field="--example", fix='write NAME=JSON, as in lookup=\'{"name": "Nora"}\''
            )
        examples.setdefault(name, []).append(value)
    return examples
