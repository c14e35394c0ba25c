"""The embedded ledger: one SQLite file, owned by one process."""
