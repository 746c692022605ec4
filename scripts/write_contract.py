"""Write what docs/reference has of the contract and of scripts: `python -m scripts.write_contract`, from the root.

`contents()` says what each file has; a test compares it with what is there.
"""

import json
from pathlib import Path
from typing import Final

from dialtone.protocol.enums import CallState
from dialtone.protocol.schema import contract_schema
from dialtone.protocol.states import NEXT, OVER, TERMINAL, diagram
from simulator.schema import script_schema

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"

_STATES: Final = """\
# Call states

The states of a call in the calling contract, and which comes directly after which. `dialtone/protocol/states.py` has
the table; this page is made from it by `python -m scripts.write_contract`.

```mermaid
{diagram}
```

| state | directly after it |
|---|---|
{table}

- A report of the platform is a picture of one moment, so states may be missed between two of them: a report is
  possible when its state can be reached in any number of steps.
- `unknown`, a state that is not understood, may come from anywhere and lead anywhere.
- {over} end the call for a bot: its dialog sees `CallEnded`, and whatever is reported later changes nothing.
- A report that is not possible is logged and taken all the same.
"""


def contents() -> dict[str, str]:
    """Names of files in docs/reference, and what is in them."""
    rows = []
    for state, following in NEXT.items():
        names = ", ".join(f"`{after}`" for after in CallState if after in following)
        rows.append(f"| `{state}` | {names or 'nothing'} |")
    last = [state for state in CallState if state in OVER]
    over = " and ".join(f"`{state}`" for state in sorted(last, key=TERMINAL.__contains__))
    return {
        "contract.schema.json": json.dumps(contract_schema(), indent=2) + "\n",
        "script.schema.json": json.dumps(script_schema(), indent=2) + "\n",
        "call-states.md": _STATES.format(diagram=diagram(), table="\n".join(rows), over=over),
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in contents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
