"""What scripts/deploy.sh needs of infra/ in a form that az takes.

`python -m scripts.azure parameters` prints infra/main.parameters.json with its `${NAME=default}` filled from the
environment, as azd does it. `outputs` reads the outputs of a deployment on standard input and prints them as lines for
a shell: Azure Resource Manager changes the case of their first letters, which is undone.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

INFRA: Final = Path(__file__).parents[1] / "infra"
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?:=([^}]*))?\}")
_TYPED: Final = re.compile(r"^param (\w+) (bool|int)\b", re.MULTILINE)


class Missing(Exception):
    """A variable without a default is not set; the text says which."""


def parameters(environment: Mapping[str, str]) -> dict[str, Any]:
    """The document, filled. Raises Missing; ValueError for a variable that is no number where one is due."""
    document: dict[str, Any] = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))
    types = dict(_TYPED.findall((INFRA / "main.bicep").read_text(encoding="utf-8")))

    def fill(found: re.Match[str]) -> str:
        name, default = found.groups()
        value = environment.get(name) or default
        if value is None:
            raise Missing(f"{name} is not set")
        return value

    for name, entry in document["parameters"].items():
        text = _VARIABLE.sub(fill, entry["value"])
        try:
            entry["value"] = _read(text, types.get(name, "string"))
        except ValueError:
            raise ValueError(f"{entry['value'][2:].split('=')[0]}: {text!r} is not {types[name]}") from None
    return document


def outputs(document: Mapping[str, Any]) -> str:
    """The outputs, as NAME=value for a shell."""
    return "".join(f"{name.upper()}={shlex.quote(str(told['value']))}\n" for name, told in document.items())


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    match arguments:
        case ["parameters"]:
            try:
                print(json.dumps(parameters(os.environ)))
            except (Missing, ValueError) as error:
                print(f"infra/main.parameters.json: {error}", file=sys.stderr)
                return 1
        case ["outputs"]:
            print(outputs(json.load(sys.stdin)), end="")
        case _:
            print("usage: python -m scripts.azure parameters|outputs", file=sys.stderr)
            return 2
    return 0


def _read(text: str, kind: str) -> str | int | bool:
    if kind == "int":
        return int(text)
    if kind == "bool":
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
