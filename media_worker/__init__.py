"""The media worker: the always-on program that keeps the WebSocket streams of calls open.

Azure Functions cannot hold a WebSocket, so the platform connects here for live audio.
"""
