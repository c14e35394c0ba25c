"""Progress of a replay."""

from api.cli.shared.progress import LongWork


class ReplayProgress(LongWork):
    """Reports the progress of a replay."""

    def __init__(self) -> None:
        super().__init__("reading")

    def show(self, rows: int, decided: int, taps: int | None) -> None:
        """As `Watch.on_progress`."""
        text = f"{rows:,} rows read"
        if taps is not None:
            text += f", {decided:,} of {taps:,} taps decided"
        self.update(text, decided, taps)
