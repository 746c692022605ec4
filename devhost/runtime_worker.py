"""Runs functions in Microsoft's own worker library, ``azure-functions-runtime`` 1.3, inside this process.

That library is what Azure runs on Python 3.13 and later. It is reached through its protobuf-free entry,
``native_invocation.invocation_request_native``; only indexing wants a ``protos`` module, which it fills but never
serialises, so a stand-in is enough. Neither entry is a documented interface: hence the exact minor version.
"""

import uuid
from types import SimpleNamespace
from typing import Any

from azure.functions.meta import Datum
from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.utils import threadpool

from .functions import Function, HostError, InvocationFailed


class _Message(SimpleNamespace):
    """Any protobuf message: keeps what it is built with; the constants are those that the library compares."""

    Success, Failure = "success", "failure"
    undefined, out, inout = 0, 1, 2


class _Protos:
    def __getattr__(self, name: str) -> type[_Message]:
        return _Message


class RuntimeWorker:
    """A Worker over ``azure_functions_runtime``. One per process: the library keeps its functions in a module."""

    name = "runtime"

    def __init__(self, app_dir: str) -> None:
        self._app_dir = app_dir
        self._ids: dict[str, str] = {}
        threadpool.start_threadpool_executor()

    async def index(self) -> list[Function]:
        """Import ``function_app`` and return its functions; raises HostError as Worker.index says."""
        init = SimpleNamespace(capabilities={}, function_app_directory=self._app_dir)
        request = SimpleNamespace(
            request=SimpleNamespace(worker_init_request=init),
            properties={"host": "127.0.0.1", "protos": _Protos()},
        )
        answer = await handle_event.worker_init_request(request)
        if answer.result.status == _Message.Failure:
            problem = answer.result.exception
            raise HostError(f"{problem.message}\n{problem.stack_trace}")
        indexed: list[Any] = (await handle_event.functions_metadata_request(request)).function_metadata_results or []
        self._ids = {each.name: each.function_id for each in indexed}
        return [Function.from_raw(each.name, each.raw_bindings) for each in indexed]

    async def invoke(self, function: Function, trigger: Datum) -> dict[str, Datum]:
        """Run one function; raises InvocationFailed as Worker.invoke says (the library logs the traceback)."""
        ok, returned, outputs, error, _ = await native_invocation.invocation_request_native(
            str(uuid.uuid4()), self._ids[function.name], [(function.trigger["name"], trigger)], {}
        )
        if not ok:
            raise InvocationFailed(error)
        return dict(outputs) if returned is None else {**dict(outputs), "$return": returned}
