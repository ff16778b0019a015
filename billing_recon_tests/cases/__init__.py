"""One small case per folder: terms and files in, the breaks of its day out. Read any of them like a story."""
