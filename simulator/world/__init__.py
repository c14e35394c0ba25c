"""The world: passengers with intentions and their taps over virtual time. It delivers nothing."""
