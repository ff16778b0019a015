"""Why a billed line differs: re-rated alternatives, stages, reason codes, consequences."""
