"""Templates: configuration for reading one sender's pages. template_page applies them; docs/templates.md explains them.

A template is a YAML file in a home's folder `templates/`: the words that identify a page, the location of each field of a
Document (a pattern, a CSS selector or a fixed value), and how to read the table of lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import regex  # type: ignore[import-untyped]  # it ships no types
from pydantic import BeforeValidator, Field, field_validator, model_validator

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.document import DocumentKind
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.exact import Frozen
from billing_recon.core.yaml_text import read_yaml
from billing_recon.feeds.documents.css_selectors import parsed
from billing_recon.feeds.documents.month_names import MONTHS
from billing_recon.feeds.documents.page_figures import is_date_format, is_figure, is_iso_date
from billing_recon.feeds.documents.stated_figures import FIGURES

LINE_FIGURES = (
    "quantity",
    "base_quantity",
    "unit_price",
    "amount",
    "tax_rate",
    "tax",
    "allowance",
    "allowance_percent",
    "charge",
)
LINE_FIELDS = ("line_no", "description", "object_id", *LINE_FIGURES)
"""Columns of a line. `allowance` and `charge` are amounts, `allowance_percent` a rate on quantity x unit_price."""
TAX_FIELDS = ("base", "rate", "amount", "category")
"""Columns of the table of taxes by rate."""

USUAL_THOUSANDS = {".": ",'’ ", ",": ".'’ "}
"""Decimal mark -> default marks between thousands."""


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _pattern(value: str) -> str:
    try:
        regex.compile(value, regex.MULTILINE)
    except regex.error as error:
        raise ValueError(f"'{value}' is not a regular expression: {error}") from error
    return value


def _selector(value: str) -> str:
    try:
        parsed(value)
    except ValueError as error:
        raise ValueError(f"'{value}' is not a CSS selector: {error}") from error
    return value


def _date_format(value: str) -> str:
    if not is_date_format(value):
        raise ValueError(f"'{value}' is not a strptime format of a whole date; for example %d.%m.%Y or %d %B %Y")
    return value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Formats = Annotated[tuple[str, ...], BeforeValidator(_listed)]


Sign = Literal["stated", "drop", "flip"]
"""Whether a minus is kept, dropped (a discount shown as -5.00 is 5.00), or flipped."""


class Numbers(Frozen):
    """How figures are written. Groups must have three digits, so a wrong setting is an error, never another amount."""

    decimal: Literal[".", ","] = "."
    thousands: str | None = Field(default=None, description="every mark that may group; empty string: none may")

    @model_validator(mode="after")
    def _apart(self) -> Numbers:
        if self.thousands and (self.decimal in self.thousands or any(mark.isalnum() for mark in self.thousands)):
            raise ValueError(f"thousands may not contain the decimal mark, letters or digits: '{self.thousands}'")
        return self

    @property
    def marks(self) -> str:
        return USUAL_THOUSANDS[self.decimal] if self.thousands is None else self.thousands


class Rule(Frozen):
    """Where to find one field. Written as a mapping, or as a single text, which is its pattern.

    The value is the pattern's group `value`, else its first group, else the whole match. With `select` and `pattern`, the
    pattern is searched in the selected elements.
    """

    pattern: Patterns = Field(default=(), description="tried in order; the first that occurs counts")
    select: str | None = Field(default=None, description="CSS selector (HTML)")
    attribute: str | None = Field(default=None, description="of the selected element, instead of its text")
    value: str | None = Field(default=None, description="fixed; not on the page")
    take: Literal["first", "last", "same", "sum", "all"] = Field(
        default="first", description="of several: same demands that they agree, all joins texts"
    )
    join: str = " "
    replace: dict[str, str] = Field(default_factory=dict, description="pattern -> text, in what was found")
    map: dict[str, str] = Field(default_factory=dict, description="their text -> ours; a text not in it is an error")
    dates: Formats = ()
    numbers: Numbers | None = None
    sign: Sign = "stated"
    optional: bool = False
    otherwise: str | None = Field(default=None, description="value if it is not on the page")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"pattern": value} if isinstance(value, str) else value

    @field_validator("pattern")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_pattern(part) for part in value)

    @field_validator("replace")
    @classmethod
    def _replacements(cls, value: dict[str, str]) -> dict[str, str]:
        return {_pattern(sought): put for sought, put in value.items()}

    @field_validator("select")
    @classmethod
    def _selectable(cls, value: str | None) -> str | None:
        return None if value is None else _selector(value)

    @field_validator("dates")
    @classmethod
    def _formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_date_format(part) for part in value)

    @model_validator(mode="after")
    def _one(self) -> Rule:
        if (self.value is not None) == bool(self.pattern or self.select):
            raise ValueError("give a pattern, a select (or both), or a value")
        if self.attribute is not None and self.select is None:
            raise ValueError("attribute needs select")
        return self


class TableRule(Frozen):
    """A table of the pages. Exactly one of `row` (pattern), `columns` (by header), `rows` with `cells` (HTML).

    Text: the table runs from behind each `start` to the next `end`; both are optional. With `row`, each place where the
    pattern occurs is a row and its named groups are the columns. With `columns`, header texts name the columns: on laid-out
    pages a cell belongs to the header that it stands under, in HTML to the column of its table.
    """

    start: str | None = None
    end: str | None = None
    row: Patterns = Field(default=(), description="with named groups; several are alternatives in order")
    columns: dict[str, Patterns] = Field(default_factory=dict, description="our column -> their header, or several")
    select: str | None = Field(default=None, description="CSS selector of the table, or of several (HTML)")
    rows: str | None = Field(default=None, description="CSS selector of what holds one row (HTML)")
    cells: dict[str, str] = Field(default_factory=dict, description="our column -> CSS selector within a row (HTML)")
    needs: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=("amount",), description="columns without which a row is none"
    )
    continues: str | None = Field(default=None, description="column to which text below a row is added")
    skip: Patterns = Field(default=(), description="text lines or rows in which one of these occurs are left out")
    fixed: dict[str, str] = Field(default_factory=dict, description="column -> the same in every row")
    signs: dict[str, Sign] = Field(default_factory=dict, description="column -> what is done with its signs")
    numbers: Numbers | None = None
    optional: bool = Field(default=False, description="whether a page may have no such row")

    @field_validator("row", "skip")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_pattern(part) for part in value)

    @field_validator("start", "end")
    @classmethod
    def _edges(cls, value: str | None) -> str | None:
        return None if value is None else _pattern(value)

    @field_validator("select", "rows")
    @classmethod
    def _selectable(cls, value: str | None) -> str | None:
        return None if value is None else _selector(value)

    @field_validator("cells")
    @classmethod
    def _cells(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: _selector(part) for name, part in value.items()}

    @model_validator(mode="after")
    def _one_way(self) -> TableRule:
        if bool(self.row) + bool(self.columns) + bool(self.rows) != 1 or bool(self.rows) != bool(self.cells):
            raise ValueError("give exactly one of row, columns, and rows with cells")
        missing = [name for name in self.needs if name not in self.names]
        if missing:
            raise ValueError(f"needs {', '.join(missing)}, which no column gives")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it gives."""
        groups = [name for part in self.row for name in regex.compile(part, regex.MULTILINE).groupindex]
        return tuple(dict.fromkeys((*groups, *self.columns, *self.cells, *self.fixed)))


class Fields(Frozen):
    """The fields of a Document that a template may state; any other goes under `extra`."""

    number: Rule
    issued_on: Rule
    currency: Rule
    kind: Rule | None = None
    type_code: Rule | None = None
    status: Rule | None = None
    period_start: Rule | None = None
    period_end: Rule | None = None
    seller: Rule | None = None
    buyer: Rule | None = None
    customer: Rule | None = None
    subtotal: Rule | None = None
    allowances: Rule | None = None
    charges: Rule | None = None
    tax_exclusive: Rule | None = None
    tax: Rule | None = None
    tax_inclusive: Rule | None = None
    prepaid: Rule | None = None
    rounding: Rule | None = None
    collected: Rule | None = None
    withheld: Rule | None = None
    payable: Rule | None = None
    references: Rule | None = None

    @model_validator(mode="after")
    def _whole(self) -> Fields:
        problems = [] if self.payable or self.tax_inclusive else ["payable or tax_inclusive is needed"]
        if self.issued_on.value is None and not self.issued_on.dates:
            problems.append('issued_on: give its dates, for example dates: "%d.%m.%Y"')
        problems += [
            f"{name}: '{text}' is not {wanted}"
            for name, rule in self.rules()
            for text in (rule.value, rule.otherwise)
            if text is not None
            for wanted, right in (
                ("a decimal number such as 12.50", name not in FIGURES or is_figure(text)),
                (f"one of {', '.join(DocumentKind)}", name != "kind" or text in tuple(DocumentKind)),
                ("an ISO 4217 currency", name != "currency" or text.upper() in EXPONENTS),
                ("a date YYYY-MM-DD", name != "issued_on" or is_iso_date(text)),
            )
            if not right
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def rules(self) -> list[tuple[str, Rule]]:
        """Name and rule of each field that is stated."""
        stated = ((name, getattr(self, name)) for name in type(self).model_fields)
        return [(name, rule) for name, rule in stated if rule is not None]


class Template(Frozen):
    """How to read one sender's pages."""

    name: str = ""
    form: Literal["pdf", "html"]
    match: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(description="texts that must all occur")
    unless: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    priority: int = Field(
        default=0, description="where several match, the highest is taken; two of the same are an error"
    )
    order: Literal["content", "layout"] = Field(
        default="content", description="of a PDF's text: as its writer put it, or as one sees it"
    )
    language: str = Field(default="en", description="of the names of months")
    numbers: Numbers = Numbers()
    fields: Fields
    lines: TableRule | None = None
    taxes: TableRule | None = None
    extra: dict[str, Rule] = Field(default_factory=dict, description="anything else worth keeping, by its own name")

    @model_validator(mode="after")
    def _whole(self) -> Template:
        problems = ["match: give at least one text"] if not all(map(str.strip, self.match)) or not self.match else []
        problems += (
            [f"language: '{self.language}' is not known; one of {', '.join(MONTHS)}"]
            if self.language not in MONTHS
            else []
        )
        problems += self._tables() + self._selectors()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _tables(self) -> list[str]:
        known = (("lines", self.lines, LINE_FIELDS), ("taxes", self.taxes, TAX_FIELDS))
        return [
            f"{place}: no such column '{name}'; one of {', '.join(columns)}"
            for place, table, columns in known
            if table is not None
            for name in table.names
            if name not in columns
        ] + [
            f"{place}: continues '{table.continues}' is not one of its columns"
            for place, table, _ in known
            if table is not None and table.continues is not None and table.continues not in table.names
        ]

    def _selectors(self) -> list[str]:
        """Selectors are for HTML; a table of an HTML page by its columns needs one."""
        if self.form == "html":
            return [
                f"{place}: give the table's select"
                for place, table in (("lines", self.lines), ("taxes", self.taxes))
                if table is not None and table.columns and table.select is None
            ]
        rules = [(f"fields.{name}", rule) for name, rule in self.fields.rules()]
        rules += [(f"extra.{name}", rule) for name, rule in self.extra.items()]
        found = [f"{place}: select is for HTML" for place, rule in rules if rule.select]
        tables = (("lines", self.lines), ("taxes", self.taxes))
        return found + [f"{place}: select and rows are for HTML" for place, t in tables if t and (t.select or t.rows)]


def read_templates(folder: Path) -> tuple[Template, ...]:
    """Read every `*.yaml` in a folder, by name. Raise one ConfigurationError with all problems of all files."""
    problems: list[str] = []
    templates: list[Template] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            text = path.read_text(encoding="utf-8")
            templates.append(read_yaml(Template, text, path.name).model_copy(update={"name": path.stem}))
        except ConfigurationError as error:
            problems += error.problems
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path.name}: cannot be read: {error}")
    if problems:
        raise ConfigurationError([f"templates/{problem}" for problem in problems])
    return tuple(templates)
