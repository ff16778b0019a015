"""Tests of the simulated company and of its billing engine."""
