"""Map a file's columns and notation to our columns and types, as SQL. landing/ decides which rows are accepted."""
