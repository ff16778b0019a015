"""How well faults are found, over many seeded companies: `python -m quality --help`."""
