"""Sample bots: one file each."""
