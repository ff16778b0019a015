"""billing_recon proves every day that usage, bills, invoices, ledger and payments agree, and explains every cent that does not."""

__version__ = "0.2.0"
