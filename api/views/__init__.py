"""Values of the engine as the contract's models."""
