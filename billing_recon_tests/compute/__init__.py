"""Tests of the computing: SQL relations on real DuckDB sessions."""
