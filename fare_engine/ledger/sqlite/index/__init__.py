"""Where tap_ids and tokens stand: a log-structured merge index beside the ledger's rows."""
