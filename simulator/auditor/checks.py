"""The checks by their codes, each in a line for people."""

from typing import Final

CHECKS: Final = {
    "wrong-outcome": "the outcome and reason are not what the rule says",
    "wrong-journey": "the journey answered is not the one the rule pairs",
    "wrong-fare": "the fare is not what the rule says",
    "wrong-waived-fare": "the fare answered as waived is not what the rule says",
    "wrong-version": "the policy or tariff named is not the one that was read",
    "wrong-gate-action": "the gate action is not what the rule says",
    "wrong-suspicion": "the clock is marked as suspect and is not, or the reverse",
    "wrong-answer": "an error where a decision belongs, or the reverse, or the wrong error",
    "unreadable-answer": "the answer does not fit the contract",
    "decision-changed": "a tap was answered differently when it was sent again",
    "decided-twice": "two answers to one tap both say that it was new",
    "conflict-missed": "one tap_id was acknowledged with two contents",
    "conflict-without-cause": "a conflict was answered though the content was the same",
    "entry-consumed-twice": "one entry paid or was waived for two exits",
    "code-used-twice": "one ride code opened gates for two tokens",
    "bad-code-taken": "a gate took a ride code that is forged, or not fresh at its tap",
    "alone-let-through": "a gate without the engine opened for a medium that opens none",
    "alone-turned-away": "a gate without the engine gave a reason that does not hold",
    "tap-lost": "an acknowledged tap is not in the ledger",
    "stored-otherwise": "the ledger has another decision or content than was acknowledged",
    "explained-otherwise": "the explanation is not what the rule says",
    "report-stored-otherwise": "the report stored is not the one that counts",
    "never-stored": "answers rest on a tap that the ledger does not have",
    "outbox-not-empty": "a controller still holds taps that it has not delivered",
    "money-not-conserved": "the fares acknowledged, by the rule, and stored have different sums",
    "wrong-settlement": "settlement issued something else than the taps come to in their order",
    "settled-twice": "settlement issued twice for one tap",
    "gave-up": "more orders of decisions are possible than were looked at",
}
