"""Two checkouts of the project, measured in alternating pairs of one run."""
