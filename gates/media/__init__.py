"""Media at the gates: cards, and ride codes shown on a phone.

`tokens` turns the number of a card or an account into the engine's token. A gate that verifies ride
codes itself needs `verifier` (and `fare_engine.issuer` for the keys), nothing else::

    verifier = RideCodeVerifier(keys, validity_ms=30_000, tolerance_ms=30_000)
    try:
        ride_code = verifier.verify(scanned, occurred_at_ms)
    except RideCodeRefused as refused:
        ...                      # refused.fault.reason is the reason of the decision
    token = maker.token("qr", ride_code.medium_id)
    # ride_code.code_id goes to the engine with the tap, so that it notices a copy

`ride_code` reads and writes codes, `signatures` has the algorithms, `issuing` makes codes.
"""

from gates.media.tokens import KEY_BYTES_MIN, TOKEN_BYTES, TokenMaker

__all__ = ["KEY_BYTES_MIN", "TOKEN_BYTES", "TokenMaker"]
