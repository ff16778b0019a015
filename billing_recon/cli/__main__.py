"""`python -m billing_recon.cli`, the same as the `billing-recon` command."""

from billing_recon.cli import main

main()
