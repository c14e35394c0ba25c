"""How far a replay has come."""

from api.cli.progress import LongWork


class ReplayProgress(LongWork):
    """Tells of a replay."""

    def __init__(self) -> None:
        super().__init__("reading")

    def show(self, rows: int, decided: int, taps: int | None) -> None:
        """As `Watch.on_progress`."""
        told = f"{rows:,} rows read"
        if taps is not None:
            told += f", {decided:,} of {taps:,} taps decided"
        self.update(told, decided, taps)
