"""What people write down: why they decided something, what proves it, and remarks. A dot is no reason."""

from __future__ import annotations

import unicodedata

LONGEST = 2000
_FILLERS = frozenset(
    [
        "n/a",
        "na",
        "none",
        "nil",
        "no",
        "yes",
        "ok",
        "okay",
        "done",
        "fix",
        "fixed",
        "test",
        "testing",
        "tbd",
        "todo",
        "xxx",
        "asdf",
        "reason",
        "because",
        "see",
        "above",
        "ditto",
        "same",
        "misc",
        "other",
        "various",
        "unknown",
        "null",
        "r",
        "x",
        "why",
    ]
)


def written_reason(text: str, what: str) -> str:
    """A reason in one spelling. ValueError if it says nothing: empty, a dot, a word like "ok", or fewer than 4 letters.

    >>> written_reason("  booked on the  9th ", "a decision")
    'booked on the 9th'
    """
    spelt = remark(text, what)
    words = [word.strip(".,;:!?-_/ ").casefold() for word in spelt.split()]
    said = [word for word in words if word and word not in _FILLERS]
    letters = "".join(letter for word in said for letter in word if letter.isalnum())
    if len(letters) < 4 or len(set(letters)) < 3:
        shown = f"'{spelt[:40]}' says nothing to an auditor" if spelt else "none is given"
        raise ValueError(f"{what} needs a reason: {shown}; write why, in words: --reason TEXT")
    return spelt


def remark(text: str, what: str) -> str:
    """A text in one spelling: composed letters, single blanks. ValueError if it is too long or has control characters."""
    spelt = " ".join(unicodedata.normalize("NFC", text).split())
    if len(spelt) > LONGEST:
        raise ValueError(f"the text of {what} has {len(spelt)} characters; at most {LONGEST} are kept")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn") for letter in spelt):
        raise ValueError(f"{spelt[:60]!a} has control characters; write {what} without them")
    return spelt
