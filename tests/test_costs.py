"""What calls cost: worked cases, by hand."""

import json
import math
import re
import subprocess
from pathlib import Path

import pytest

from dialtone.costs import MOST_REPLICAS, NOT_IN_IT, Estimate, Figures, Load, Prices, estimate, report, sensitivity
from dialtone.errors import ConfigurationError
from tests.fakes import COMMAND, ROOT, environment
from tests.infra.bicep import Templates

KIT = Prices.read()
LACKING = Prices("2026-01-01", {name: dict(entry, price=None) for name, entry in KIT.prices.items()})
DOLLAR = Prices("2026-01-01", {name: dict(entry, price=1.0, free=0.0) for name, entry in KIT.prices.items()})
SWEEPS = 30 * 24 * 60
MONTH = 30 * 24 * 3600


def amounts(found: Estimate) -> dict[str, float]:
    return {line.name: line.amount for line in found.lines}


def test_nobody_calls() -> None:
    """One warm instance of 2 GB, one replica of 1 core and 2 GiB, the sweeper each minute."""
    found = estimate(Load(0, 3), DOLLAR)
    assert amounts(found) == {
        "functions.baseline": MONTH * 2,
        "functions.always_ready": 0,
        "functions.on_demand": SWEEPS * 2,
        "functions.executions": SWEEPS,
        "worker.cpu": MONTH,
        "worker.memory": MONTH * 2,
        "tables.transactions": SWEEPS * 8,
        "blobs.lists_and_writes": 0,
        "blobs.stored": 0,
        "logs.ingested": 0,
        "registry": 30,
    }
    assert (found.instances, found.replicas) == (1, 1)
    assert found.dollars == sum(amounts(found).values())


def test_a_thousand_calls_a_day_with_recordings() -> None:
    """30,000 calls of 6 turns: 180,000 turns, one each 6 s of the busy hours; 2 min each recorded: 115.2 GB."""
    found = estimate(Load(1000, 2, recording=True), DOLLAR)
    got = amounts(found)
    assert got["functions.executions"] == 180_000 + SWEEPS
    assert got["tables.transactions"] == 180_000 + 30_000 * 4 + SWEEPS * 8
    assert got["blobs.lists_and_writes"] == 180_000 + 60_000
    assert got["blobs.stored"] == pytest.approx(30_000 * 2 * 1.92 / 1000)
    assert got["logs.ingested"] == pytest.approx(0.54)
    # A turn each 6 s: the instance is busy for 1 - exp(-1/6) = 15.4 % of 300 hours.
    assert got["functions.always_ready"] == pytest.approx(2 * 1_080_000 * (1 - math.exp(-1 / 6)))
    assert (found.instances, found.replicas) == (1, 1)


def test_a_hundred_thousand_calls_a_day_with_streams() -> None:
    """3 million calls of 3 min, half with a stream: 250 streams on average, 750 at the peak, 8 replicas."""
    found = estimate(Load(100_000, 3, media_share=0.5, busy_hours=10), DOLLAR)
    assert found.replicas == 8
    assert amounts(found)["worker.cpu"] == MONTH + 7 * 300 * 3600
    # 16.7 turns a second, 50 at the peak, of 50 ms each: 2.5 at once.
    assert found.instances == 1


def test_shorter_hours_need_more_at_once() -> None:
    found = estimate(Load(100_000, 3, media_share=1.0, busy_hours=5), DOLLAR)
    assert found.replicas == 30
    assert f"More than {MOST_REPLICAS} replicas" in report(Load(100_000, 3, media_share=1.0, busy_hours=5), DOLLAR)


def test_a_free_grant_is_taken_off_and_costs_nothing_alone() -> None:
    prices = Prices("2026-01-01", {"a": {"unit": "x", "price": 0.5, "free": 10, "where": "w"}})
    assert prices.line("a", 10).dollars == 0
    assert prices.line("a", 14).dollars == 2
    unknown = Prices("2026-01-01", {"a": {"unit": "x", "price": None, "free": 10, "where": "w"}})
    assert unknown.line("a", 10).dollars == 0
    assert unknown.line("a", 11).dollars is None


def test_a_price_that_is_not_known_is_said_to_be_so() -> None:
    text = report(Load(1000, 3), LACKING)
    unknown = estimate(Load(1000, 3), LACKING).unknown
    # Of all but what is free of charge, or not there.
    assert len(unknown) == len(KIT.prices) - 3
    assert f"and {len(unknown)} lines whose price is not known" in text
    for line in unknown:
        assert f"{line.name:24} {line.where}" in text
    assert "not known" not in report(Load(1000, 3), DOLLAR)


def test_what_is_not_in_the_sum_is_said() -> None:
    """90,000 minutes at an example's $0.022."""
    text = report(Load(1000, 3), KIT)
    assert "\n".join(NOT_IN_IT) in text
    assert "If all calls come by telephone: 90,000 telephone minutes, about $1,980 more" in text
    found = estimate(Load(1000, 3), KIT)
    assert found.dollars == sum(line.dollars or 0 for line in found.lines)
    assert "telephone" not in report(Load(0, 3), KIT).replace("\n".join(NOT_IN_IT), "")


def test_the_bill_of_nobody_and_of_a_thousand_calls() -> None:
    """By hand, with the kit's prices: a month of 2,592,000 s.

    Nobody calls: 5,184,000 GB-s of one warm instance at 0.000004, 43,200 sweeps of 2 GB-s (86,400 of 100,000 free) at
    0.0000004 each, a replica's 2,592,000 vCPU-s less 180,000 at 0.000034 and 5,184,000 GiB-s less 360,000 at 0.000004,
    345,600 transactions at 0.000000036, 30 days of the registry at 0.1667.
    """
    nobody = {line.name: line.dollars for line in estimate(Load(0, 3), KIT).lines}
    assert nobody == {
        "functions.baseline": pytest.approx(20.736),
        "functions.always_ready": 0,
        "functions.on_demand": 0,
        "functions.executions": pytest.approx(0.01728),
        "worker.cpu": pytest.approx(82.008),
        "worker.memory": pytest.approx(19.296),
        "tables.transactions": pytest.approx(0.0124416),
        "blobs.lists_and_writes": 0,
        "blobs.stored": 0,
        "logs.ingested": 0,
        "registry": pytest.approx(5.001),
    }
    busy = estimate(Load(1000, 3, recording=True), KIT)
    got = {line.name: line.dollars for line in busy.lines}
    # 180,000 turns: a turn each 6 s of 300 hours, 1 s each at least; 172.8 GB of recordings; 0.54 GB of logs are free.
    assert got["functions.always_ready"] == pytest.approx(2 * 1_080_000 * (1 - math.exp(-1 / 6)) * 0.000016)
    assert got["functions.executions"] == pytest.approx(223_200 * 0.0000004)
    assert got["blobs.lists_and_writes"] == pytest.approx(240_000 * 0.0000054)
    assert got["blobs.stored"] == pytest.approx(172.8 * 0.0196)
    assert got["tables.transactions"] == pytest.approx((180_000 + 120_000 + 345_600) * 0.000000036)
    assert got["logs.ingested"] == 0
    assert busy.dollars == pytest.approx(137.14, abs=0.01)
    assert busy.unknown == []


def test_each_price_of_the_kit_says_where_it_is_from() -> None:
    document = json.loads((ROOT / "dialtone/prices.json").read_text())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", document["as_of"])
    for entry in [*document["prices"].values(), *document["asides"].values()]:
        assert entry["region"] in entry.get("seen", entry["region"]) or entry["region"] == "an example"
        assert entry["where"].startswith("azure.microsoft.com/pricing/")
        assert (entry["price"] is not None) == ("seen" in entry)
        assert re.search(r"\d{4}-\d\d-\d\d", entry.get("seen", "2026-01-01"))


def test_sensitivity() -> None:
    cases = dict(sensitivity(Load(1000, 3), DOLLAR))
    given = cases.pop("as given")
    assert given == estimate(Load(1000, 3), DOLLAR)
    assert cases["half the calls"].dollars < given.dollars < cases["10 times the calls"].dollars
    assert cases["with recording"].dollars > given.dollars
    assert cases["calls twice as long"].dollars == given.dollars
    assert "no recording" in dict(sensitivity(Load(1000, 3, recording=True), DOLLAR))


@pytest.mark.parametrize(
    ("field", "load"),
    [("media_share", {"media_share": 1.5}), ("calls_per_day", {"calls_per_day": -1}), ("turns", {"turns": 0}),
     ("minutes", {"minutes": math.inf}), ("busy_hours", {"busy_hours": 25}), ("kept_days", {"kept_days": math.nan})],
)  # fmt: skip
def test_a_load_that_cannot_be_is_refused(field: str, load: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Load(**{"calls_per_day": 1.0, "minutes": 1.0, **load})  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"as_of": "2026-01-01", "prices": {"a": {"price": "1", "free": 0}}}',
     '{"as_of": "2026-01-01", "prices": {"a": {"price": -1, "free": 0}}}'],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.json").write_text(text)
    with pytest.raises(ConfigurationError, match="prices"):
        Prices.read(tmp_path / "prices.json")


def test_a_price_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"no functions\.baseline"):
        estimate(Load(1, 1), Prices("2026-01-01", {}))


def dialtone_cost(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "cost", "--calls-per-day", "1000", "--minutes", "3", *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


def test_the_command() -> None:
    done = dialtone_cost("--recording", "--media-share", "0.5", "--turns", "8", "--busy-hours", "9")
    assert done.returncode == 0, done.stderr
    assert done.stdout == report(Load(1000, 3, 8, True, 0.5, 9), KIT)


def test_the_command_refuses_what_cannot_be() -> None:
    done = dialtone_cost("--media-share", "2")
    assert done.returncode == 2
    assert done.stderr == "problem: 2 is not from 0 to 1 [media_share]\n    fix: give a number in that range\n"


def test_figures_are_those_of_the_templates() -> None:
    infra, figures = Templates(ROOT / "infra"), Figures()
    assert infra.default("functionsHttpConcurrency") == figures.concurrency
    assert infra.default("functionsInstanceMemoryMB") == figures.instance_gb * 1024
    assert infra.default("functionsAlwaysReady") == figures.always_ready
    assert infra.default("workerMaximumReplicas") == MOST_REPLICAS
    assert infra.body("worker.bicep", "parameter", "streamsPerReplica") == figures.streams_per_replica
    (container,) = infra.body("worker.bicep", "resource", "app")["properties"]["template"]["containers"]
    assert container["resources"] == {"cpu": f"json('{figures.replica_vcpu}')", "memory": f"{figures.replica_gib:g}Gi"}
