"""Reads compressed sound by PyAV (FFmpeg), where that is installed: on an author's or operator's machine.

It is not deployed with the functions: PyAV's wheels carry FFmpeg, whose licence is not permissive.
"""

import importlib.util
import io

from dialtone.gate.judging import Decoder


def installed_decoder() -> Decoder | None:
    """The decoder of this machine; None when PyAV is not installed. Importing PyAV is left to its first use."""
    return PyAv() if importlib.util.find_spec("av") else None


class PyAv:
    """See `Decoder`."""

    def pcm(self, data: bytes, rate: int, seconds: float) -> bytes:
        """See `Decoder`."""
        import av

        found = bytearray()
        enough = round((seconds + 1) * rate) * 2
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        try:
            with av.open(io.BytesIO(data), "r") as container:
                if not container.streams.audio:
                    raise ValueError("there is no sound in it")
                for frame in container.decode(audio=0):
                    for part in resampler.resample(frame):
                        found += bytes(part.planes[0])[: 2 * part.samples]
                    if len(found) >= enough:
                        return bytes(found)
                for part in resampler.resample(None):
                    found += bytes(part.planes[0])[: 2 * part.samples]
        except (av.FFmpegError, OSError, IndexError) as error:
            raise ValueError(type(error).__name__) from error
        return bytes(found)
