"""From their columns and notation to our columns and types, as SQL. Which rows are accepted is decided in landing/."""
