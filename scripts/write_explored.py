"""Write what docs/how-to/explore.md shows, and docs/images/reception.svg, from the bots: `make docs`.

A block of the page that comes after `<!-- explore ARGUMENTS -->` has what `dialtone explore ARGUMENTS` prints.
`--check` writes nothing, names what is not current and ends with 1.
"""

import re
import sys
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from dialtone.commands import app

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = Path("docs/how-to/explore.md")
PICTURE: Final = Path("docs/images/reception.svg")
_SHOWN: Final = re.compile(r"(?<=<!-- explore )(.+?)( -->\n+```\w+\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def explored(*arguments: str) -> str:
    """What the command prints on standard output, without blanks at the ends of lines."""
    done = CliRunner().invoke(app, ["explore", *arguments])
    if done.exit_code not in (0, 1):
        raise RuntimeError(f"dialtone explore {' '.join(arguments)} ended with {done.exit_code}") from done.exception
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.rstrip().splitlines())


def files(root: Path) -> dict[Path, str]:
    """The files that are made, and what is to be in them."""

    def shown(block: re.Match[str]) -> str:
        return f"{block[1]}{block[2]}{explored(*block[1].split())}"

    page = _SHOWN.sub(shown, (root / PAGE).read_text(encoding="utf-8"))
    return {PAGE: page, PICTURE: explored("bots.reception:bot", "--format", "svg")}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the files, or check them."""
    made = files(root)
    old = [path for path, text in made.items() if not (root / path).exists() or (root / path).read_text() != text]
    if "--check" in arguments:
        if old:
            print(f"not current: {', '.join(map(str, old))}; fix: make docs", file=sys.stderr)
        return 1 if old else 0
    for path in old:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(made[path], encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
