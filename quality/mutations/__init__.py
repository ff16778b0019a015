"""Clean companies with edited files, and the findings of a perfect reconciliation for each edit.

Written from the canonical tables and the reason codes only. A mutation edits rows of one table, or of one layer and the
layers downstream of it, and states its findings beforehand; a harmless one states none. It knows no detector and no
simulated fault.
"""

from __future__ import annotations

from quality.mutations.company import write_mutated
from quality.mutations.judgement import judge
from quality.mutations.table import MUTATIONS

__all__ = ["MUTATIONS", "judge", "write_mutated"]
