"""Month names as invoices print them, so that dates do not depend on the machine's locale."""

from __future__ import annotations

import re

MONTHS: dict[str, tuple[str, ...]] = {
    "en": ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
    "de": ("januar", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    "nl": ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    "it": ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
    "pt": ("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
    "da": ("januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november", "december"),
    "no": ("januar", "februar", "mars", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "desember"),
    "sv": ("januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"),
    "fi": ("tammikuuta", "helmikuuta", "maaliskuuta", "huhtikuuta", "toukokuuta", "kesäkuuta", "heinäkuuta", "elokuuta", "syyskuuta", "lokakuuta", "marraskuuta", "joulukuuta"),
    "pl": ("stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia"),
    "cs": ("ledna", "února", "března", "dubna", "května", "června", "července", "srpna", "září", "října", "listopadu", "prosince"),
}  # fmt: skip
"""Language -> the twelve months, in the form used in dates."""

_SHORT: dict[str, dict[str, int]] = {
    "de": {"mrz": 3, "jän": 1, "jänner": 1, "feber": 2},
    "fr": {"fevr": 2, "fevrier": 2, "aout": 8, "decembre": 12, "dec": 12, "fev": 2},
    "nl": {"mrt": 3},
    "es": {"set": 9, "setiembre": 9},
    "pl": {"paz": 10, "wrz": 9},
    "cs": {"cvn": 6, "cvc": 7},
}
"""Abbreviations that are not a prefix of the name, or a prefix of two names."""

_WORD = re.compile(r"[^\W\d_]{3,}\.?")


def number_of(word: str, language: str) -> int | None:
    """Return the month that a word names, in full or as an unambiguous prefix.

    >>> number_of("Mai", "de"), number_of("juil.", "fr"), number_of("mrt", "nl"), number_of("Ju", "en"), number_of("ma", "nl")
    (5, 7, 3, None, None)
    """
    sought = word.rstrip(".").casefold()
    if (known := _SHORT.get(language, {}).get(sought)) is not None:
        return known
    found = [number for number, name in enumerate(MONTHS[language], 1) if len(sought) > 2 and name.startswith(sought)]
    return found[0] if len(found) == 1 else None


def with_numbers(text: str, language: str) -> str:
    """Return `text` with each month name as two digits.

    >>> with_numbers("7. Mai 2014", "de"), with_numbers("02 Juillet 2015", "fr")
    ('7. 05 2014', '02 07 2015')
    """

    def numbered(found: re.Match[str]) -> str:
        number = number_of(found[0], language)
        return found[0] if number is None else f"{number:02d}"

    return _WORD.sub(numbered, text)
