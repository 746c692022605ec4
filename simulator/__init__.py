"""The other side of the line: calling platforms and callers that ring a bot over HTTP, with real sound."""
