"""One outside table format per module, read as rows of text in file order. What the columns mean is decided in parse/."""
