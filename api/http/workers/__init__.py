"""Several processes that serve at one address: what starts, replaces and stops them."""
