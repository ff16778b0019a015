"""Land one table's day: deliver, parse, validate, deduplicate, quarantine, count. landing.pipeline runs the steps."""
