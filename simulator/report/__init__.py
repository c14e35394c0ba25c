"""The report of a run: one JSON document, told as text or as an HTML file that needs nothing."""
