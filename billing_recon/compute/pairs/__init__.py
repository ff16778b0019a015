"""One pair of layers per module: its findings and its assessed items."""
