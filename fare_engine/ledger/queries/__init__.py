"""What is read beside the writer: explanations, histories, listings, settlement's scan."""
