"""The stations: real controllers over files in memory, passengers, and the network between."""
