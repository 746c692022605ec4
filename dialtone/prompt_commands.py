"""`dialtone prompts`: what operators do with prompts.

Exit codes: 0 all is well, 1 a prompt is refused, 2 wrong usage.
"""

import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from dialtone.dialogs.explorer import explore
from dialtone.errors import BotError
from dialtone.gate import Good, judge
from dialtone.gate.decoding import installed_decoder
from dialtone.loading import load_bot
from dialtone.storage import PROMPTS_CONTAINER, PromptStatus, PromptVersion, Storage
from dialtone.storage.prompt_report import PromptReport, report
from dialtone.transcript import printable

EXPLORE_SECONDS: Final = 20.0
_SHOWN: Final = 60
_out = Console(highlight=False, markup=False)

Work = Callable[[Storage], Coroutine[Any, Any, None]]
Slot = Annotated[str, typer.Argument(help="The prompt, as <name> or <name>.<culture>.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def commands(with_storage: Callable[[Work], None]) -> typer.Typer:
    """The verbs; `with_storage` runs their work on the storage that the settings name."""
    prompts = typer.Typer(help="The prompts that operators upload.", no_args_is_help=True)

    @prompts.command()
    def push(
        files: Annotated[
            list[Path],
            typer.Argument(help="NAME[.CULTURE].wav, .mp3, .wma, .ssml or .txt", exists=True, dir_okay=False),
        ],
        folder: Annotated[str, typer.Option(help="Folder of the names, as in hall/welcome.")] = "",
    ) -> None:
        """Judge prompts, convert them, and upload them; each is heard by the next call. Exit 1: one is refused."""
        refused: list[str] = []

        async def upload(storage: Storage) -> None:
            for file in files:
                name = f"{folder.strip('/')}/{file.name}".lstrip("/")
                try:
                    version = await storage.prompts.put(name, file.read_bytes())
                except BotError as error:
                    refused.append(name)
                    _refusal(name, error)
                else:
                    _say(f"{PROMPTS_CONTAINER}/{version.slot}.{version.ending}  {_told(version)}")

        with_storage(upload)
        raise typer.Exit(1 if refused else 0)

    @prompts.command()
    def check(
        files: Annotated[list[Path], typer.Argument(help="Files to judge.", exists=True, dir_okay=False)],
    ) -> None:
        """Judge prompts, and upload nothing. Exit 1: one would be refused."""
        refused = False
        for file in files:
            try:
                good = judge(file.name, file.read_bytes(), decoder=installed_decoder())
            except BotError as error:
                refused = True
                _refusal(file.name, error)
            else:
                _say(f"fine   {file.name}: {_of_good(good)}")
        raise typer.Exit(int(refused))

    @prompts.command(name="list")
    def list_prompts(
        bot: Annotated[
            str, typer.Option(help="Compare them with what this bot says, as module:name.", envvar="DIALTONE_BOT")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """List what new calls hear, what was refused and why, and what is missing. Exit 1: something is refused."""
        wrong: list[str] = []

        async def fetch(storage: Storage) -> None:
            statuses = await storage.prompts.statuses()
            strangers = await storage.prompts.strangers()
            compared = report(used_by(bot), [status.slot for status in statuses]) if bot else None
            wrong.extend(file.file for status in statuses for file in status.files if file.reason)
            if as_json:
                document = {"prompts": [asdict(status) for status in statuses], "strangers": strangers}
                print(json.dumps(document | ({"bot": asdict(compared)} if compared else {}), ensure_ascii=False))
                return
            for line in _listed(statuses, strangers, compared):
                _say(line)

        with_storage(fetch)
        raise typer.Exit(1 if wrong else 0)

    @prompts.command()
    def versions(slot: Slot, as_json: Json = False) -> None:
        """List the versions of a prompt, the newest first."""

        async def fetch(storage: Storage) -> None:
            found = await storage.prompts.versions(slot)
            if as_json:
                print(json.dumps([asdict(version) for version in found], ensure_ascii=False))
                return
            for version in found:
                at = datetime.fromtimestamp(version.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                by = f"  by {version.by}" if version.by else ""
                _say(f"{version.id}  {at}  {_told(version)}{by}")

        with_storage(fetch)

    @prompts.command()
    def rollback(slot: Slot, version: Annotated[str, typer.Argument(help="The version, as it is listed.")]) -> None:
        """Play an earlier version again, from the next call on."""

        async def bring_back(storage: Storage) -> None:
            _say(f"{slot}  {_told(await storage.prompts.roll_back(slot, version))}")

        with_storage(bring_back)

    @prompts.command()
    def remove(slot: Slot) -> None:
        """Delete a prompt: the bot speaks its own text again, at once. Its versions stay."""

        async def delete(storage: Storage) -> None:
            _say(f"{slot} is removed" if await storage.prompts.remove(slot) else f"{slot} was not there")

        with_storage(delete)

    return prompts


def used_by(bot: str) -> dict[str, list[str]]:
    """The named prompts that a bot plays on all paths that can be walked soon, with their languages."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    until = monotonic() + EXPLORE_SECONDS
    found = explore(load_bot(bot), enough=lambda: monotonic() > until)
    return {name: list(texts) for name, texts in found.prompts.items()}


def _listed(statuses: Sequence[PromptStatus], strangers: Sequence[str], compared: PromptReport | None) -> list[str]:
    lines = []
    for status in statuses:
        if status.playing is not None:
            lines.append(f"plays    {status.slot}: {_told(status.playing)}")
        for file in status.files:
            if file.reason:
                heard = "; the version before goes on" if status.playing else "; nobody hears it"
                lines += [
                    f"REFUSED  {PROMPTS_CONTAINER}/{file.file}: {file.reason}{heard}",
                    f"         fix: {file.fix}",
                ]
    lines += [f"IGNORED  {PROMPTS_CONTAINER}/{name}: its name is none of a prompt" for name in strangers]
    if compared is not None:
        lines += [f"missing  {name} in {language}: the bot's own text is spoken" for name, language in compared.missing]
        for slot, like in compared.unused:
            lines.append(f"unused   {slot}: the bot plays no such prompt" + (f"; is it {like}?" if like else ""))
        lines += [f"text     {name}: not uploaded, the bot's own text is spoken" for name in compared.unspoken]
    return lines


def _told(version: PromptVersion) -> str:
    if version.ending == "wav":
        return f"sound, {version.seconds:.1f} s, {version.level:.0f} dB"
    return f"{'SSML' if version.ending == 'ssml' else 'text'}: {_cut(version.text)}"


def _of_good(good: Good) -> str:
    return f"sound, {good.seconds:.1f} s, {good.level:.0f} dB" if good.ending == "wav" else _cut(good.text)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _refusal(name: str, error: BotError) -> None:
    print(f"problem: {name}: {error.message}\n    fix: {error.fix}", file=sys.stderr)


def _say(line: str) -> None:
    _out.print(printable(line), soft_wrap=True)
