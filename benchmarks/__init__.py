"""Measurements, each compared with what a user would use instead. Run with `make bench`; nothing here is a test."""
