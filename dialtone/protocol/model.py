"""The base of every message of the calling contract, and the one way from JSON to a message.

1. Names are written in exact camelCase and members without a value are left out.
2. Names are read case-insensitively; a member that is not known is kept and written back.
3. What a message may contain beyond its shape is not decided here but in `dialtone.protocol.rules`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from dialtone.protocol.violation import ContractViolation

_RULE = "contract:"


class ContractModel(BaseModel):
    """A message, or a part of one. Unknown members are kept."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        names = _wire_names(cls)
        if data.keys() <= names:
            return data
        folded = _folded_names(cls)
        return {name if name in names else folded.get(name.casefold(), name): data[name] for name in data}

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
        absent or null, `WRONG_TYPE` for one of another type.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise violation_of(error) from None


@cache
def _wire_names(model: type[ContractModel]) -> frozenset[str]:
    fields = model.model_fields
    return frozenset(fields) | {field.alias or name for name, field in fields.items()}


@cache
def _folded_names(model: type[ContractModel]) -> Mapping[str, str]:
    return {name.casefold(): name for name in sorted(_wire_names(model))}


def rule_error(code: str, message: str) -> PydanticCustomError:
    """An error for a validator to raise; `violation_of` gives its code back."""
    # The library takes a message template, where braces stand for values.
    return PydanticCustomError(_RULE + code, message.replace("{", "{{").replace("}", "}}"))


def violation_of(error: ValidationError) -> ContractViolation:
    """The first thing that is wrong in a message that could not be read."""
    first = error.errors(include_url=False, include_input=True)[0]
    path = [str(part) for part in first["loc"]]
    field = ".".join(path)
    if first["type"].startswith(_RULE):
        code = first["type"].removeprefix(_RULE)
        return ContractViolation(code, first["msg"], field=field, stage="parse")
    if first["type"] == "missing" or (first["input"] is None and path):
        return ContractViolation(
            f"MISSING:{path[-1]}",
            f"{path[-1]} is required",
            field=field,
            fix=f"add {path[-1]}",
            stage="parse",
        )
    return ContractViolation("WRONG_TYPE", first["msg"], field=field, fix="send that type", stage="parse")
