"""The black box: simulated passengers against a real server that is cut off again and again.

Nothing is looked at but what crosses the network. Whatever was acknowledged must be told again,
byte for byte, after every kill; the plain checks (`findings`) and the auditor judge the rest.
"""
