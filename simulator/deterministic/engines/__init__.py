"""The engines of a scenario: the real ones, in processes that can be killed at any step."""
