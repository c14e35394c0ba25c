"""What is held against a scenario once it was played: invariants, settlement, the auditor."""
