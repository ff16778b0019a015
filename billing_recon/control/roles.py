"""The rights of the program's role on PostgreSQL: it owns no table, so it cannot drop the triggers that keep decisions."""

from __future__ import annotations

import re

from billing_recon.control.migrate import VERSION_TABLE
from billing_recon.control.schema import APPEND_ONLY, metadata
from billing_recon.core.errors import ConfigurationError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def grants(role: str) -> list[str]:
    """The statements that the tables' owner runs: decisions may be read and added to, everything else changed too."""
    if not _NAME.fullmatch(role):
        raise ConfigurationError(
            f"'{role}' is no name for a role here: small letters, digits and _, at most 63, not beginning with a digit"
        )
    kept = sorted(table.name for table in APPEND_ONLY)
    others = sorted(set(metadata.tables) - set(kept))
    numbered = sorted(f"{table.name}_id_seq" for table in metadata.tables.values() if "id" in table.columns)
    return [
        f"REVOKE ALL ON {', '.join((*kept, *others, VERSION_TABLE))} FROM {role};",
        f"GRANT USAGE ON SCHEMA public TO {role};",
        f"GRANT SELECT ON {VERSION_TABLE} TO {role};",
        f"GRANT SELECT, INSERT ON {', '.join(kept)} TO {role};",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(others)} TO {role};",
        f"GRANT USAGE ON SEQUENCE {', '.join(numbered)} TO {role};",
    ]
