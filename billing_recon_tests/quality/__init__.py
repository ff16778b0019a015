"""How well faults are found, over many seeded companies: `python -m billing_recon_tests.quality --help`."""
