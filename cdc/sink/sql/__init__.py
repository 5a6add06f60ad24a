"""Documents into the tables of a SQL database."""
