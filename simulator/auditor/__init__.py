"""Says whether an engine decided every tap as the rule wants, from what the outside saw of it.

The auditor sees requests and answers as the JSON contract has them, what was published, and what
the ledger answers when it is read back. It imports nothing of the engine and decides by an
implementation of its own, written from the text of the rule: a list of facts for each token, and
definitions over that list (`facts`, `rule`, `modes`), where the engine has a state that moves on.
"""
