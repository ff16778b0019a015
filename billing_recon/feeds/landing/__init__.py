"""One table's day: delivered, parsed, validated, deduplicated, quarantined, counted. The pipeline is in landing.pipeline."""
