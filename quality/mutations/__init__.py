"""Clean companies whose files somebody else has edited, and what a perfect reconciliation would say of each edit.

Written from the canonical tables and the reason codes alone. A mutation edits rows of one table, or of one layer and of
those downstream of it, and states its findings beforehand; a harmless one states none. It knows no detector and no simulated
fault.
"""

from __future__ import annotations

from quality.mutations.company import write_mutated
from quality.mutations.judging import judge
from quality.mutations.table import MUTATIONS

__all__ = ["MUTATIONS", "judge", "write_mutated"]
