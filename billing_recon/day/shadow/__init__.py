"""Shadow billing: a frozen period, a candidate, and what each customer would pay. No Dagster; live data is never written."""
