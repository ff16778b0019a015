"""Tests state business facts and mirror the package."""
