"""What engines store: the disk that they share, the view each has of it, the cache outside."""
