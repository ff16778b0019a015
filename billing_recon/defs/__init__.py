"""Who starts a day, and what its steps say to Dagster: assets, checks, jobs, schedules, pages. Thin; the day is in day/."""
