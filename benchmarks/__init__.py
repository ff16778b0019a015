"""Measurements, each beside what a user would pick instead. Run with `make bench`; nothing here is a test."""
