from dataclasses import fields

from media_worker.metrics import GAUGES, HELP, Metrics, render


def test_every_counter_is_told() -> None:
    assert [field.name for field in fields(Metrics)] == list(HELP)


def test_the_text_format() -> None:
    metrics = Metrics(streams=3)
    text = render(metrics.values(), dict.fromkeys(GAUGES, 1))
    assert text.startswith(
        "# HELP dialtone_media_streams_total Streams accepted.\n"
        "# TYPE dialtone_media_streams_total counter\n"
        "dialtone_media_streams_total 3\n"
    )
    assert text.endswith("# TYPE dialtone_media_draining gauge\ndialtone_media_draining 1\n")
    assert len(text.splitlines()) == 3 * (len(HELP) + len(GAUGES))
