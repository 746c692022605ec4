"""Runs functions through azure.functions' own converters, on any Python: no worker package needed.

Rules (what Microsoft's Python worker refuses when it loads a function, azure-functions-python-worker functions.py):
1. function_app.py holds exactly one FunctionApp.
2. Parameters and bindings have the same names; only ``context`` may be unbound, annotated Context or nothing.
3. A parameter's annotation is a class that its binding's converter takes; ``str`` and ``bytes`` take the raw datum.
4. ``Out[T]`` is for output bindings, and only they may have it.
5. The return annotation, where ``$return`` is bound, is a class that the binding's converter takes.
"""

import asyncio
import importlib
import inspect
import logging
import os
import threading
import traceback
import typing
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions
from azure.functions.meta import Datum

from .checks import check_bindings
from .functions import Function, HostError, InvocationFailed

log = logging.getLogger(__name__)
_OUT = 1
_MAX_THREADS = 32
_thread_local = threading.local()


class _Generic:
    """The converter for parameters annotated str or bytes: the datum's value as it is."""

    @staticmethod
    def check_input_type_annotation(pytype: type) -> bool:
        return issubclass(pytype, (str, bytes))

    @staticmethod
    def check_output_type_annotation(pytype: type) -> bool:
        return issubclass(pytype, (str, bytes))

    @staticmethod
    def decode(data: Datum, *, trigger_metadata: dict[str, Datum]) -> Any:
        if data.type not in ("string", "bytes", "json"):
            raise ValueError(f"a {data.type} datum cannot become a str or bytes parameter")
        return data.value

    @staticmethod
    def encode(value: object, *, expected_type: type | None) -> Datum:
        if not isinstance(value, (str, bytes, bytearray)):
            raise TypeError(f"expected str or bytes, not {type(value).__name__}")
        return Datum(value, "string") if isinstance(value, str) else Datum(bytes(value), "bytes")


class _Out:
    """What a parameter annotated ``azure.functions.Out`` receives."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, value: Any) -> None:
        self._value = value

    def get(self) -> Any:
        return self._value


@dataclass
class _Bound:
    """A user function and how its arguments and outputs are converted."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    directory: str
    wants_context: bool
    trigger: str = ""
    decode: Callable[..., Any] = _Generic.decode
    outputs: dict[str, Callable[[Any], Datum]] = field(default_factory=dict)
    encode_return: Callable[[Any], Datum] | None = None

    def arguments(self, trigger: Datum) -> dict[str, Any]:
        arguments = {self.trigger: self.decode(trigger, trigger_metadata={})}
        if self.wants_context:
            arguments["context"] = SimpleNamespace(
                invocation_id=str(uuid.uuid4()),
                function_name=self.name,
                function_directory=self.directory,
                thread_local_storage=_thread_local,
                trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
                retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, rpc_exception=None),
            )
        for name in self.outputs:
            arguments[name] = _Out()
        return arguments

    def results(self, arguments: dict[str, Any], returned: Any) -> dict[str, Datum]:
        if self.encode_return is None and returned is not None:
            raise TypeError("the function returned a value but has no $return binding")
        values = {name: arguments[name].get() for name in self.outputs}
        results = {name: self.outputs[name](value) for name, value in values.items() if value is not None}
        if self.encode_return is not None:
            results["$return"] = self.encode_return(returned)
        return results


class RegistryWorker:
    """A Worker over ``azure.functions.get_binding_registry()``.

    Async functions run on the event loop; sync ones on min(32, CPUs + 4) threads, or as many as the app setting
    PYTHON_THREADPOOL_THREAD_COUNT says.
    """

    name = "registry"

    def __init__(self) -> None:
        self._bound: dict[str, _Bound] = {}
        threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or min(_MAX_THREADS, (os.cpu_count() or 1) + 4))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")

    async def index(self) -> list[Function]:
        """Import ``function_app`` and return its functions; raises HostError as Worker.index says."""
        try:
            module = importlib.import_module("function_app")
        except Exception as error:
            raise HostError(f"function_app.py cannot be loaded:\n{traceback.format_exc()}") from error
        apps = [each for each in vars(module).values() if isinstance(each, azure.functions.FunctionRegister)]
        if len(apps) != 1:
            raise HostError(f"function_app.py must hold exactly one FunctionApp at its top level, not {len(apps)}")
        try:
            users = apps[0].get_functions()
        except ValueError as error:
            raise HostError(f"function_app.py: {error}") from error
        functions = []
        for user in users:
            function = Function.from_raw(str(user.get_function_name()), user.get_raw_bindings())
            check_bindings(function)
            try:
                self._bound[function.name] = _bind(function.name, user)
            except Exception as error:
                raise HostError(f"function {function.name}: {error}") from error
            functions.append(function)
        return functions

    async def invoke(self, function: Function, trigger: Datum) -> dict[str, Datum]:
        """Run one function; raises InvocationFailed as Worker.invoke says."""
        bound = self._bound[function.name]
        try:
            arguments = bound.arguments(trigger)
            if bound.is_async:
                returned = await bound.call(**arguments)
            else:
                call = partial(bound.call, **arguments)
                returned = await asyncio.get_running_loop().run_in_executor(self._pool, call)
            return bound.results(arguments, returned)
        except Exception as error:
            log.exception("Function %s failed", function.name)
            raise InvocationFailed(function.name) from error


def _bind(name: str, user: Any) -> _Bound:
    """Check one user function against its bindings; raises TypeError saying what differs."""
    call = user.get_user_function()
    hints = typing.get_type_hints(call)
    bindings = {binding.name: binding for binding in user.get_bindings()}
    returned = bindings.pop("$return", None)
    parameters = set(inspect.signature(call).parameters)
    wants_context = "context" in parameters - set(bindings)
    if wants_context:
        parameters.discard("context")
        if getattr(hints.get("context", azure.functions.Context), "__name__", "") != "Context":
            raise TypeError(f"parameter context must be azure.functions.Context, not {hints['context']!r}")
    if parameters != set(bindings):
        raise TypeError(f"parameters {sorted(parameters)} are not the bindings {sorted(bindings)}")
    directory = str(Path(inspect.getfile(call)).parent)
    bound = _Bound(name, call, inspect.iscoroutinefunction(call), directory, wants_context)
    for binding in bindings.values():
        converter, pytype = _converter(binding, hints)
        if binding.direction == _OUT:
            bound.outputs[binding.name] = partial(converter.encode, expected_type=pytype)
        else:
            bound.trigger, bound.decode = binding.name, converter.decode
    if returned is not None:
        converter = _registered(returned.type)
        pytype = hints.get("return")
        if "return" in hints and not (isinstance(pytype, type) and converter.check_output_type_annotation(pytype)):
            raise TypeError(f"the return annotation {pytype!r} does not fit the binding {returned.type}")
        bound.encode_return = partial(converter.encode, expected_type=pytype)
    return bound


def _converter(binding: Any, hints: dict[str, Any]) -> tuple[Any, Any]:
    """Return the converter of a parameter and the class it is annotated with, None when it has no annotation."""
    if binding.name not in hints:
        return _registered(binding.type), None
    hint = hints[binding.name]
    is_out = getattr(typing.get_origin(hint) or hint, "__name__", "") == "Out"
    pytype = (*typing.get_args(hint), None)[0] if is_out else hint
    converter = _Generic if pytype in (str, bytes) else _registered(binding.type)
    check = converter.check_output_type_annotation if is_out else converter.check_input_type_annotation
    if is_out != (binding.direction == _OUT) or not isinstance(pytype, type) or not check(pytype):
        raise TypeError(f"parameter {binding.name}: the annotation {hint!r} does not fit the binding {binding.type}")
    return converter, pytype


def _registered(binding_type: str) -> Any:
    return azure.functions.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]
