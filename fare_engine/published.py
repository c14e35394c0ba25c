"""Everything that operators have published, as one value with a version.

Every engine and every edge goes by one such value, which is swapped whole: what is decided by one
version is never stored after a later one was published.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fare_engine.access_key import Key
from fare_engine.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Published:
    """The catalogue, the keys in force and the blocked media, at one version.

    `version` rises with every change that is stored. `keys` are found by the SHA-256 of their
    secret; `blocked` says since when (milliseconds of gate clocks) each blocked token may not
    enter.
    """

    version: int
    catalogue: Catalogue
    keys: Mapping[bytes, Key] = field(default_factory=dict)
    blocked: Mapping[bytes, int] = field(default_factory=dict)
