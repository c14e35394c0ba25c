"""What several commands share: options, output, progress, secrets, the way to the engine."""
