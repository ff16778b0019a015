"""What people look at: terminal tables, the day pack, the index of days. Reads what was computed, computes no money."""
