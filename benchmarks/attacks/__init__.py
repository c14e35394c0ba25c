"""What attacks cost the server that they are made on, and its other clients."""
