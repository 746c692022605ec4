"""An application's folder with tiny programs: they say that they are ready, note how they were started, and sleep."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from dialtone.cli import main; main()"]

_SERVER = """
import json, os, pathlib, signal, socket, sys
name, port = "{name}", int(sys.argv[sys.argv.index("--port") + 1])
if os.environ.get("BROKEN") == name:
    sys.exit(name + " is broken")
listening = socket.create_server(("127.0.0.1", port))
noted = dict(pid=os.getpid(), argv=sys.argv[1:], environment=dict(os.environ))
pathlib.Path(name + ".json").write_text(json.dumps(noted))
if name == "devhost" and os.environ.get("SLOW"):
    signal.pause()
print(name + ": ready http://127.0.0.1:" + str(listening.getsockname()[1]), flush=True)
signal.pause()
"""

_CALL = """
if sys.argv[1] == "call":
    import time
    pathlib.Path("call.json").write_text(json.dumps(dict(pid=os.getpid(), argv=sys.argv[1:])))
    for line in pathlib.Path("ledger.jsonl").read_text().splitlines():
        print(line, flush=True)
    if os.environ.get("ENDLESS"):
        signal.pause()
    print("a word on the side" + os.environ.get("CALL_SAYS", ""), file=sys.stderr)
    sys.exit(int(os.environ.get("CALL_EXIT", "0")))
"""

_AZURITE = """#!{python}
import json, os, pathlib, signal, socket, sys
pathlib.Path("azurite.json").write_text(json.dumps(dict(pid=os.getpid(), argv=sys.argv[1:])))
listening = []
for service in ("blob", "queue", "table"):
    port = int(sys.argv[sys.argv.index("--" + service + "Port") + 1])
    listening.append(socket.create_server(("127.0.0.1", port)))
    port = listening[-1].getsockname()[1]
    print("Azurite", service.title(), "service is successfully listening at http://127.0.0.1:%d" % port, flush=True)
signal.pause()
"""


def make_app(folder: Path, ledger: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Fill `folder` with an application whose caller writes `ledger`."""
    (folder / "function_app.py").touch()
    for name in ("devhost", "media_worker", "simulator"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
        server = _SERVER.replace("{name}", name)
        if name == "simulator":
            server = server.replace("name, port =", f"{_CALL}\nname, port =")
        (folder / name / "__main__.py").write_text(server)
    (folder / "ledger.jsonl").write_text("".join(json.dumps(event) + "\n" for event in ledger))
    (folder / "call.yaml").touch()
    azurite = folder / "node_modules" / ".bin" / "azurite"
    azurite.parent.mkdir(parents=True)
    azurite.write_text(_AZURITE.replace("{python}", sys.executable))
    azurite.chmod(0o755)
    return folder


def noted(folder: Path, name: str) -> dict[str, Any]:
    """How the program `name` was started."""
    note: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return note


def environment(**more: str) -> dict[str, str]:
    """The environment for `COMMAND`: this one, without settings of the kit and of a make that runs the tests."""
    foreign = ("DIALTONE_", "AZURITE_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie whose new parent is slow counts as ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            stat = Path(f"/proc/{pid}/stat")
            if stat.parent.parent.is_dir() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
