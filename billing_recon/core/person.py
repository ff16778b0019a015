"""Names of people who decide: one spelling for one person, and no two people whose names look the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_LOOKALIKES = str.maketrans("аеорсухіјѕԁһкмтвнɡαβεικνορτυχ", "aeopcyxijsdhkmtbhgabeiknoptux")
"""Cyrillic and Greek letters, small, and the Latin ones that they are taken for."""


def person_name(name: str) -> str:
    """The name in one spelling: composed letters, single blanks.

    ValueError: empty, longer than 100 characters, with control or bidirectional characters, or with letters of several
    scripts, which only serves to look like another name.

    >>> person_name("  Ana   Ruiz ")
    'Ana Ruiz'
    """
    spelt = " ".join(unicodedata.normalize("NFKC", name).split())
    if not spelt or len(spelt) > 100:
        raise ValueError("a name has 1 to 100 characters")
    if any(unicodedata.category(letter).startswith("C") for letter in spelt):
        raise ValueError(f"{spelt!a} has control characters; write the name without them")
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in spelt if letter.isalpha()}
    if len(scripts & {"LATIN", "CYRILLIC", "GREEK"}) > 1:
        raise ValueError(f"{spelt!a} mixes letters of {', '.join(sorted(scripts))}; write the name in one script")
    return spelt


def same_person(name: str) -> str:
    """What two names have in common if people would take them for the same.

    >>> same_person("ANA RUIZ") == same_person("Ana  Ruiz") != same_person("Ana Ruis")
    True
    """
    return person_name(name).casefold().translate(_LOOKALIKES)


def confusable(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of different spellings that look like the same name."""
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        spelt = person_name(name)
        before = first.setdefault(same_person(spelt), spelt)
        if before != spelt:
            pairs.append((before, spelt))
    return pairs
