"""A rollout of one home: plan, lists, switches, gate and log. What is computed is in compute.rollout, what is decided in control."""
