"""Replay: a file of recorded taps decided by the engine, in a scratch ledger or in a real one."""
