"""What is durable: the ledger of taps, and the catalogue, keys and audit beside it."""
