"""Dagster: assets, checks, jobs, schedules, pages. Thin; the steps of a day are in day/."""
