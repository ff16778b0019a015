"""Exact values in configuration and contracts: figures, days, names and currencies. Each type checks what it reads and describes it as JSON Schema."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    JsonValue,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.schema.table import DECIMALS, LARGEST, Kind

OUT_OF_RANGE = "out_of_range"
"""pydantic's type of the error for a figure that can be read and cannot be meant."""

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Frozen(BaseModel):
    """Configuration is frozen once read, and an unknown field is an error rather than a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    ELSEWHERE: ClassVar[Mapping[str, str]] = {}
    """Keys that readers look for here and that belong elsewhere, each with where."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_sections(cls, given: Any) -> Any:
        """A section or list of which nothing is filled in, as when all of it is commented out, is one that was not given."""
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if value is not None or not cls._may_be_left_empty(key)}

    @classmethod
    def _may_be_left_empty(cls, key: object) -> bool:
        field = cls.model_fields.get(str(key))
        if field is None:
            return False
        return isinstance(field.default, Frozen) or field.default == () or field.default_factory is dict


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is written: a plain decimal in quotes, or a whole number; never a float, which is binary.

    `least` and `most` bound it (empty: no bound), and so do the decimals and the size that are kept of its kind.
    """

    kind: Kind | None = None
    least: str | None = "0"
    most: str | None = None

    def read(self, value: object) -> Decimal:
        """The figure; ValueError or PydanticCustomError if it is none or is out of bounds."""
        if isinstance(value, float):
            raise ValueError(f'write the figure in quotes ("{value}"): a YAML float is binary and loses cents')
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise ValueError('is not a figure; write a decimal number in quotes, such as "12.50"')
        if isinstance(value, str) and not _PLAIN.fullmatch(value):
            percent = value.removesuffix("%").strip()
            if self.kind is Kind.RATE and value.endswith("%") and _PLAIN.fullmatch(percent):
                raise ValueError(f"'{value}' is not a figure; write the fraction \"{Decimal(percent) / 100}\"")
            raise ValueError(
                f"'{value}' is not a figure; write digits with a point and nothing else, such as \"1234.50\""
            )
        figure = Decimal(value)
        if not figure.is_finite():
            raise ValueError(f'{figure} is not a figure; write a decimal number in quotes, such as "12.50"')
        problem = self._out_of_bounds(figure) or self._misfit(figure)
        if problem:
            raise PydanticCustomError(OUT_OF_RANGE, problem.replace("{", "{{"))
        return figure

    def _out_of_bounds(self, figure: Decimal) -> str:
        if self.least is not None and (figure < Decimal(self.least) or figure.is_signed()):
            return f"{figure} is below {self.least}, the least that it can be; leave out the sign or correct it"
        if self.most is not None and figure > Decimal(self.most):
            share = f'; it is a fraction, so write {figure}% as "{figure / 100}"' if self.kind is Kind.RATE else ""
            return f"{figure} is above {self.most}, the most that it can be{share}"
        return ""

    def _misfit(self, figure: Decimal) -> str:
        if self.kind is None:
            return ""
        if abs(figure) > Decimal(LARGEST[self.kind]):
            return f"{figure} is larger than any {self.kind.value} can be ({LARGEST[self.kind]}); check its unit"
        if figure != round(figure, DECIMALS[self.kind]):
            decimals = DECIMALS[self.kind]
            article = "an" if self.kind is Kind.AMOUNT else "a"
            return (
                f"{figure} has more than the {decimals} decimals kept of {article} {self.kind.value}; round it yourself"
            )
        return ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, _: Any, __: Any) -> dict[str, Any]:
        decimals = f"{{1,{DECIMALS[self.kind]}}}0*" if self.kind else "+"
        sign = "-?" if self.least is None else ""
        digits = rf"0*(0(\.[0-9]{decimals})?|1(\.0+)?)" if self.most == "1" else rf"[0-9]+(\.[0-9]{decimals})?"
        bounds = {"minimum": self.least, "maximum": self.most}
        return {
            "type": ["string", "integer"],
            "pattern": f"^{sign}{digits}$",
            **{name: int(bound) for name, bound in bounds.items() if bound is not None},
        }


Exact = Annotated[Decimal, Figure(least=None)]
"""Any exact figure: quoted in YAML and JSON, or a whole number."""
Amount = Annotated[Decimal, Figure(Kind.AMOUNT)]
"""An amount of the currency, not below zero."""
Price = Annotated[Decimal, Figure(Kind.PRICE, least=None)]
"""A price of one unit, or of a period. Below zero it is a credit for each."""
Fee = Annotated[Decimal, Figure(Kind.PRICE)]
"""A price that is never below zero."""
Units = Annotated[Decimal, Figure(Kind.QUANTITY)]
"""A number of units, not below zero."""
Share = Annotated[Decimal, Figure(Kind.RATE, most="1")]
"""A fraction between 0 and 1: 0.19 is 19%."""


def _day(value: object) -> date:
    """A day; a number is none, though pydantic would count seconds from 1970."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    text = value if isinstance(value, str) else ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if day.isoformat() != text or not 1900 <= day.year < 2200:
        raise ValueError(f"'{value}' is not a day between 1900 and 2199; write it as YYYY-MM-DD")
    return day


Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$"}),
]
"""A calendar day, YYYY-MM-DD."""


def _named(name: str) -> str:
    if not name or name != name.strip():
        raise ValueError(f"'{name}' is empty or has spaces around it; write the name alone")
    return name


NAMED: dict[str, JsonValue] = {"pattern": r"^\S(.*\S)?$"}
Name = Annotated[str, AfterValidator(_named), Field(json_schema_extra=NAMED)]
"""An id or a name that others refer to."""


def _currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError(f"'{code}' is not an active ISO 4217 currency; write a code such as EUR")
    return code


def _currency_or_any(code: str) -> str:
    return code if code == "*" else _currency(code)


Currency = Annotated[str, AfterValidator(_currency)]
"""A currency that ISO 4217 lists."""
CurrencyOrAny = Annotated[str, AfterValidator(_currency_or_any)]
"""A currency, or `*` for all without an entry of their own."""


def repeated(names: Iterable[str]) -> list[str]:
    """Those that are given more than once, in order."""
    counts = Counter(names)
    return sorted(name for name, times in counts.items() if times > 1)
