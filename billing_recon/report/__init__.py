"""What people look at: terminal tables, the day pack, exports. Reads computed results and computes no money."""
