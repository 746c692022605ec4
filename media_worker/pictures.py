"""The pictures that come to one stream: what each source said of them, and those that wait for the handler."""

from collections.abc import Callable
from typing import Final

from dialtone.media.messages import MediaType, VideoFrame, VideoMetadata
from media_worker.feed import Feed
from media_worker.metrics import Metrics

PICTURES_KEPT: Final = 30
MAX_SOURCES: Final = 256


class Pictures:
    """Those of one stream.

    Without one of them the rest is of no use until a key frame. So when a slow handler has too many, all are dropped,
    counted, and `ask` asks for a key frame; what comes before it is dropped too.
    """

    def __init__(self, metrics: Metrics, ask: Callable[[str | None, MediaType], None]) -> None:
        self.sources: dict[tuple[str | None, MediaType], VideoMetadata] = {}
        """What each source said of its pictures."""
        self._metrics, self._ask = metrics, ask
        self._feed: Feed[VideoFrame] | None = None
        self._ended = False
        self._waits_for_key = False

    @property
    def feed(self) -> Feed[VideoFrame]:
        """Those that wait; made when it is asked for first, for few calls have any."""
        if self._feed is None:
            self._feed = Feed(PICTURES_KEPT)
            if self._ended:
                self._feed.end()
        return self._feed

    def announce(self, metadata: VideoMetadata) -> None:
        """Keep what a source says."""
        key = metadata.participant, metadata.media_type
        if key in self.sources or len(self.sources) < MAX_SOURCES:
            self.sources[key] = metadata

    def take(self, picture: VideoFrame) -> None:
        """Have one wait for the handler."""
        self._metrics.pictures_in += 1
        if self._waits_for_key and not picture.key:
            self._metrics.dropped_pictures += 1
            return
        self._waits_for_key = False
        feed = self.feed
        if len(feed) >= PICTURES_KEPT:
            self._metrics.dropped_pictures += len(feed) + 1
            feed.take_all()
            self._waits_for_key = True
            self._ask(picture.participant, picture.media_type)
            return
        feed.put(picture)

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._ask = _nobody  # it is its owner's, which is to be freed without the garbage collector
        if self._feed is not None:
            self._feed.end()


def _nobody(participant: str | None, media_type: MediaType) -> None:
    """What comes for a stream that is over is not missed."""
