"""The kit of a gate maker: a whole conversation against a server, and vectors for any language."""
