"""The calling platforms that the simulator plays, one module each."""
