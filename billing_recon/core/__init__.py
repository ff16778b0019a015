"""The domain's vocabulary and rules. No I/O, no dataframe, no database, no Dagster."""
