"""The black box: simulated passengers against a real server that is killed again and again.

Nothing is looked at but what crosses the network. What was acknowledged must be answered again,
byte for byte, after every kill; the plain checks (`findings`) and the auditor judge the rest.
"""
