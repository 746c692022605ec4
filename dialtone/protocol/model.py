"""The base of every message of the calling contract, and the one way from JSON to a message.

1. Names are written in exact camelCase and members without a value are left out.
2. Names are read case-insensitively (Microsoft's C# contract does, and an older SDK writes some names differently);
   a member that is not known is kept and written back, and what is in it stays as it is.
3. What a message may contain beyond its shape is not decided here but in `dialtone.protocol.rules`.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from dialtone.protocol.violation import ContractViolation

_RULE = "contract:"

_OPAQUE = frozenset({"mediaConfiguration"})
"""Members whose value is somebody else's: its names are not those of the contract."""

_NAMES: dict[str, str] = {}
"""Each name of the contract, as it is written and in lower case, to how it is written. Models add theirs."""


class ContractModel(BaseModel):
    """A message, or a part of one. Unknown members are kept."""

    # Validators are built when first used: a cold start needs few of them.
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="allow",
        allow_inf_nan=False,
        defer_build=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name in cls.__annotations__:
            written = to_camel(name)
            _NAMES[written] = _NAMES[written.casefold()] = written

    def to_wire(self) -> dict[str, Any]:
        """The message as JSON values, camelCase, without the members that have no value."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json(self) -> bytes:
        """The same as UTF-8 text."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()

    @classmethod
    def from_wire(cls, data: object) -> Self:
        """Read the message from JSON values.

        Raises `ContractViolation` with stage `parse`: `MISSING:<member>` for a member that is required and
        absent or null, `WRONG_TYPE` for one of another type, `TOO_DEEP` for nesting that no message has.
        """
        try:
            return cls.model_validate(_exact_names(data))
        except RecursionError:
            raise ContractViolation(
                "TOO_DEEP", "the message is nested too deeply", fix="send a flat one", stage="parse"
            ) from None
        except ValidationError as error:
            raise violation_of(error) from None


def _exact_names(value: Any) -> Any:
    """Rule 2: JSON values with the contract's names as the contract writes them."""
    if isinstance(value, dict):
        names = _NAMES
        exact = {}
        for name, member in value.items():
            written = names.get(name) or names.get(name.casefold())
            if isinstance(member, dict | list):
                ours = written is not None and written not in _OPAQUE
                exact[written or name] = _exact_names(member) if ours else _as_it_is(member)
            else:
                exact[written or name] = member
        return exact
    if isinstance(value, list):
        return [_exact_names(member) if isinstance(member, dict | list) else member for member in value]
    return value


def _as_it_is(value: Any) -> Any:
    """The value itself, which was walked through: RecursionError for one that could not be written back."""
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, dict | list):
            _as_it_is(member)
    return value


def rule_error(code: str, message: str, *, member: str, fix: str) -> PydanticCustomError:
    """An error for a validator of an object to raise, about one of its members; `violation_of` gives its code back."""
    # The library takes a message template, where braces stand for values.
    return PydanticCustomError(
        _RULE + code, message.replace("{", "{{").replace("}", "}}"), {"member": member, "fix": fix}
    )


def missing(member: str) -> PydanticCustomError:
    """The error of a validator for a member that is not there, as the library's own of a model is written."""
    return rule_error(f"MISSING:{member}", f"{member} is required", member=member, fix=f"add {member}")


def violation_of(error: ValidationError) -> ContractViolation:
    """The first thing that is wrong in a message that could not be read."""
    first = error.errors(include_url=False, include_input=True)[0]
    location = list(first["loc"])
    if first["type"].startswith(("int_", "float_", "finite_")) and location[-1:] in (["int"], ["float"]):
        location.pop()  # The type that was tried, not a member.
    path = [str(part) for part in location]
    field = ".".join(path)
    if first["type"].startswith(_RULE):
        code, about = first["type"].removeprefix(_RULE), first["ctx"]
        field = ".".join([*path, about["member"]])
        return ContractViolation(code, first["msg"], field=field, fix=about["fix"], stage="parse")
    if first["type"] == "missing" or (first["input"] is None and location and isinstance(location[-1], str)):
        return ContractViolation(
            f"MISSING:{path[-1]}",
            f"{path[-1]} is required",
            field=field,
            fix=f"add {path[-1]}",
            stage="parse",
        )
    return ContractViolation("WRONG_TYPE", first["msg"], field=field, fix="send that type", stage="parse")
