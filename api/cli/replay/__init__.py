"""`replay`: the command, its progress and its report."""
