"""The shared ledger: PostgreSQL, used by any number of workers at once."""
