"""The same-station crossing fare engine: the rule, the engine around it, the ledger, the files."""
