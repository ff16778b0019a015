"""Findings become breaks: identity, owner, disposition, evidence."""
