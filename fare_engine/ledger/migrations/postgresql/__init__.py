"""The migrations of a ledger in PostgreSQL; they only add: old workers run beside new ones."""
