"""Function apps that differ in one thing: the body of function_app.py, and whether Microsoft's worker takes it.

Run as a program with a worker's name and a folder, it loads each of them in that worker and prints what happened.
"""

import asyncio
import importlib
import json
import sys
from pathlib import Path

HEADER = """
import functools
from typing import Any, Optional
import azure.functions as func
app = func.FunctionApp()
"""
HTTP = "@app.route('calls')\n"
TIMER = "@app.timer_trigger('timer', '0 * * * * *')\n"
EVENT = "@app.event_grid_trigger('event')\n"
OUT = "@app.route('calls', binding_arg_name='res')\n"

TAKEN = {
    "http": HTTP + "def f(req: func.HttpRequest) -> func.HttpResponse: ...",
    "async": HTTP + "async def f(req: func.HttpRequest) -> func.HttpResponse: ...",
    "no annotations": HTTP + "def f(req): ...",
    "str for a request": HTTP + "def f(req: str) -> func.HttpResponse: ...",
    "returns str": HTTP + "def f(req: func.HttpRequest) -> str: ...",
    "annotations as text": HTTP + "def f(req: 'func.HttpRequest') -> 'func.HttpResponse': ...",
    "context": HTTP + "def f(req: func.HttpRequest, context: func.Context) -> func.HttpResponse: ...",
    "context, no annotation": HTTP + "def f(req: func.HttpRequest, context) -> func.HttpResponse: ...",
    "out": OUT + "def f(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> None: ...",
    "out, no annotation": OUT + "def f(req: func.HttpRequest, res): ...",
    "out of str": OUT + "def f(req: func.HttpRequest, res: func.Out[str]) -> None: ...",
    "out, any return": OUT + "def f(req: func.HttpRequest, res: func.Out[str]) -> Optional[int]: ...",
    "timer": TIMER + "def f(timer: func.TimerRequest) -> None: ...",
    "timer, any return": TIMER + "def f(timer: func.TimerRequest) -> dict: ...",
    "event": EVENT + "def f(event: func.EventGridEvent): ...",
    "event as text": EVENT + "def f(event: str): ...",
    "wraps": "def log(f):\n  @functools.wraps(f)\n  def g(*a, **k): return f(*a, **k)\n  return g\n"
    + HTTP
    + "@log\ndef f(req: func.HttpRequest) -> func.HttpResponse: ...",
    "other name": "@app.function_name('other')\n" + HTTP + "def f(req: func.HttpRequest) -> func.HttpResponse: ...",
}

REFUSED = {
    "no app": "del app",
    "two apps": HTTP + "def f(req: func.HttpRequest) -> func.HttpResponse: ...\nother = func.FunctionApp()",
    "one app under two names": HTTP + "def f(req: func.HttpRequest) -> func.HttpResponse: ...\nother = app",
    "does not import": "import no_such_module",
    "does not parse": "def",
    "raises": "raise RuntimeError('no')",
    "same name twice": (HTTP + "def f(req): ...\n") + ("@app.route('other')\ndef f(req): ..."),
    "two triggers": HTTP + TIMER + "def f(req, timer): ...",
    "other parameter name": HTTP + "def f(request: func.HttpRequest) -> func.HttpResponse: ...",
    "one parameter too few": HTTP + "def f() -> func.HttpResponse: ...",
    "one parameter too many": HTTP + "def f(req: func.HttpRequest, store: Any = None) -> func.HttpResponse: ...",
    "no wraps": "def log(f):\n  def g(*a, **k): return f(*a, **k)\n  return g\n"
    + HTTP
    + "@log\ndef f(req: func.HttpRequest) -> func.HttpResponse: ...",
    "wrong trigger annotation": HTTP + "def f(req: func.TimerRequest) -> func.HttpResponse: ...",
    "optional request": HTTP + "def f(req: Optional[func.HttpRequest]) -> func.HttpResponse: ...",
    "list of requests": HTTP + "def f(req: list[func.HttpRequest]) -> func.HttpResponse: ...",
    "unknown annotation": HTTP + "def f(req: 'Unknown') -> func.HttpResponse: ...",
    "wrong context annotation": HTTP + "def f(req: func.HttpRequest, context: dict) -> func.HttpResponse: ...",
    "returns dict": HTTP + "def f(req: func.HttpRequest) -> dict: ...",
    "returns bytes": HTTP + "def f(req: func.HttpRequest) -> bytes: ...",
    "returns None": HTTP + "def f(req: func.HttpRequest) -> None: ...",
    "returns optional": HTTP + "def f(req: func.HttpRequest) -> Optional[func.HttpResponse]: ...",
    "returns out": HTTP + "def f(req: func.HttpRequest) -> func.Out[str]: ...",
    "out not annotated so": OUT + "def f(req: func.HttpRequest, res: func.HttpResponse): ...",
    "out of nothing": OUT + "def f(req: func.HttpRequest, res: func.Out): ...",
    "out of dict": OUT + "def f(req: func.HttpRequest, res: func.Out[dict]): ...",
    "request as out": HTTP + "def f(req: func.Out[func.HttpRequest]) -> func.HttpResponse: ...",
    "timer as event": TIMER + "def f(timer: func.EventGridEvent): ...",
    "event as request": EVENT + "def f(event: func.HttpRequest): ...",
}


async def load(worker_name: str, body: str, folder: Path) -> str | None:
    """Load one app in this process; return why it was refused, None if it was taken."""
    from devhost.functions import HostError, Worker

    (folder / "function_app.py").write_text(HEADER + body)
    sys.modules.pop("function_app", None)
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    worker: Worker
    if worker_name == "runtime":
        from devhost.runtime_worker import RuntimeWorker

        worker = RuntimeWorker(str(folder))
    else:
        from devhost.registry_worker import RegistryWorker

        worker = RegistryWorker()
    try:
        await worker.index()
    except HostError as error:
        return str(error)
    finally:
        sys.path.remove(str(folder))
    return None


async def load_all(worker_name: str, folder: Path) -> dict[str, str | None]:
    results = {}
    for number, (name, body) in enumerate({**TAKEN, **REFUSED}.items()):
        app = folder / str(number)
        app.mkdir()
        results[name] = await load(worker_name, body, app)
    return results


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load_all(sys.argv[1], Path(sys.argv[2])))))
