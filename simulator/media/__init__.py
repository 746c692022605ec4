"""The platform's end of a media stream: it opens a WebSocket to the bot's worker, for sound, keys and pictures."""
