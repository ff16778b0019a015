"""SQL on DuckDB: rolling up, rating, matching, explaining, totals. Tables in, tables out; nothing here reads a file or a clock."""
