"""One table format per module, read as rows of text in file order. parse/ interprets the columns."""
