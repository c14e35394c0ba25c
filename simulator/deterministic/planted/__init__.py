"""What has to go wrong so that it is found: engines, gates and ledgers with one bug each."""
