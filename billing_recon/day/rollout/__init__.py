"""A rollout: plan and lists, the stage gate, switches, corrections. No Dagster."""
