"""The report of a run: one JSON document, shown as text or as an HTML file that needs nothing."""
