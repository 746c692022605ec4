"""Channels: from the wire of a platform to the calling contract, and back. Pure: bytes in, bytes out."""
