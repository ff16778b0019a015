"""Which rows of two layers belong together: latest versions, bills for periods, lines, journals and payments."""
