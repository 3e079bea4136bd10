"""Nights after one another: what a release keeps of the one before it, and which jumps stop it.

Here: one home in which evidence vanishes, comes back and is judged by other rules; the published tables about releases.
Add here: another jump, as a night.
Keep out: the bounds themselves (see `tests/unit/test_release_jumps.py`), and how files are replaced (`test_publish.py`).
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from pipelines.assets import law
from pipelines.assets.release import QUALITY_REPORT
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import Settings
from pipelines.sources.reference import DATA_FOLDER, Reference
from pipelines.warehouse import releases
from tests.integration.conftest import ABOVE_CAP, AT_CAP, Night, plimsoll, run_night, shipments_file

CARGOES = 40


@dataclass
class Home:
    """A home with forty cargoes at the cap of the United States, and a night over them."""

    settings: Settings
    instance: dg.DagsterInstance

    @property
    def file(self) -> Path:
        return self.settings.shipments_folder / "cargoes.csv"

    def night(self, is_forced: bool = False) -> dg.ExecuteInProcessResult:
        return run_night(self.settings, is_forced=is_forced, instance=self.instance)

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse_file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def release(self) -> tuple:
        """Id of the run, release before it, and whether it was forced."""
        (row,) = self.query("SELECT run_id, previous_release_id, is_forced FROM quality.releases")
        return row

    def report(self) -> dict[str, dg.MetadataValue]:
        """What the report says now."""
        record = self.instance.fetch_materializations(QUALITY_REPORT, limit=1).records[0]
        assert record.asset_materialization is not None
        return dict(record.asset_materialization.metadata)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    settings = Settings(home=tmp_path, offline=True)
    shipments_file(settings.shipments_folder / "cargoes.csv", *[AT_CAP] * CARGOES)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Home(settings, instance)


def failed(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations() if not check.passed}


def test_evidence_that_vanishes_stops_the_night_until_it_is_forced(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    first = home.night()
    assert first.success
    assert home.release() == (first.run_id, None, False)
    home.file.unlink()
    before = home.settings.warehouse_file.read_bytes()

    refused = home.night()
    assert not refused.success
    assert home.settings.warehouse_file.read_bytes() == before
    check = failed(refused)["nothing_vanished"]
    assert check.severity is dg.AssetCheckSeverity.ERROR
    said = capsys.readouterr().err
    # Was, now, and what to do.
    assert f"staging.declared_shipments (all) had {CARGOES} rows, now 0" in said
    assert "plimsoll nightly --force" in said
    # The report tells of this night, although it published nothing.
    report = home.report()
    assert "1 failed as ERROR" in str(report["summary"].value)
    assert "published nothing" in str(report["report"].value)
    assert "nothing\\_vanished" in str(report["report"].value)

    forced = home.night(is_forced=True)
    assert forced.success
    assert failed(forced)["nothing_vanished"].severity is dg.AssetCheckSeverity.WARN
    run_id, previous, is_forced = home.release()
    assert (run_id, is_forced) == (forced.run_id, True)
    assert previous == next(iter(releases.kept(home.settings)))
    assert "Published" in str(home.report()["summary"].value)
    # History: the night that was refused is in it.
    rows = home.query("""
        SELECT run_id, severity, is_passed FROM quality.check_history
        WHERE check_name = 'nothing_vanished' ORDER BY checked_at
    """)
    assert rows == [
        (first.run_id, "ERROR", True),
        (refused.run_id, "ERROR", False),
        (forced.run_id, "WARN", False),
    ]
    # Forced once, not for ever: the next night compares itself with what was forced.
    assert home.night().success
    assert home.release()[2] is False


def test_more_evidence_never_stops_a_night(home: Home) -> None:
    assert home.night().success
    shipments_file(home.file.with_name("more.csv"), *(ABOVE_CAP.replace("{id}", f"M{n}") for n in range(300)))
    result = home.night()
    assert result.success
    assert "totals_hold" in failed(result)


def test_other_rules_that_turn_every_verdict_stop_the_night(
    home: Home, book: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.night().success
    level = pl.when(pl.col("id") == "US-C1").then(50.0).otherwise("cap_usd_per_bbl")
    lower = replace(book, price_caps=book.price_caps.with_columns(cap_usd_per_bbl=level))
    monkeypatch.setattr(law, "_book", lambda: lower)
    result = home.night()
    assert not result.success
    # Forty cargoes at 60 USD/bbl are above a cap of 50; the engine and the re-derivation agree about that.
    assert set(failed(result)) >= {"verdicts_hold"}
    assert "agrees_with_rederivation" not in failed(result)
    check = failed(result)["verdicts_hold"]
    assert int(str(check.metadata["rows failed"].value)) >= CARGOES
    # Evidence that was mended is not the same evidence: the same rules on another file stop nothing.
    shipments_file(home.file, *[AT_CAP.replace("42000000", "42000001")] * CARGOES)
    assert home.night().success


def test_a_wrong_unit_stops_the_night(home: Home, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.night().success
    factor = pl.when(pl.col("unit") == "bbl").then(7.33).otherwise("bbl_per_unit")
    wrong = replace(reference, units=reference.units.with_columns(bbl_per_unit=factor))
    monkeypatch.setattr(law, "_reference", lambda: wrong)
    monkeypatch.setattr(law, "shipped", lambda: "tables with a wrong unit")
    # Japan's figures are held against the units too, and would stop the night before.
    monkeypatch.setattr(law.japan, "failing_arithmetic", lambda figures, _: figures.clear())
    result = home.night()
    assert not result.success
    found = str(failed(result)["barrels_hold"].metadata["found"].value)
    assert "The same evidence (declared_shipment) was 28,000,000 bbl, now 205,240,000 bbl." in found


def test_a_night_as_of_another_day_answers_another_question(home: Home) -> None:
    assert home.night().success
    first = home.release()[0]
    past = replace(home, settings=replace(home.settings, as_of=dt.date(2023, 8, 1)))
    assert past.night().success
    assert past.release()[1] is None
    # The night after it is compared with the last one of its own kind.
    home.file.unlink()
    assert "nothing_vanished" in failed(home.night())
    assert home.night(is_forced=True).success
    assert home.release()[1].endswith(first[:8])


class TestPublished:
    """The tables about releases in the shared night of this folder."""

    def test_the_release(self, night: Night) -> None:
        with duckdb.connect(str(night.warehouse), read_only=True) as connection:
            (row,) = connection.execute("""
                SELECT release_id, run_id, previous_release_id, has_estimates, is_forced, rows_quarantined, checks_failed
                FROM quality.releases
            """).fetchall()
            release_id, run_id, previous, has_estimates, is_forced, rows_quarantined, checks_failed = row
            failed_checks = connection.execute("SELECT count(*) FROM quality.check_results WHERE NOT is_passed")
            assert failed_checks.fetchall() == [(checks_failed,)]
        assert release_id.endswith(run_id[:8])
        assert (previous, has_estimates, is_forced, rows_quarantined) == (None, False, False, 3)
        told = json.loads((night.home / "warehouse" / "release.json").read_text(encoding="utf-8"))
        assert told["release_id"] == release_id
        with duckdb.connect(str(night.warehouse), read_only=True) as connection:
            for table, rows in told["rows"].items():
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(rows,)]
        kept = night.home / "warehouse" / "releases" / release_id
        assert {path.name for path in kept.iterdir()} == {
            "warehouse.duckdb",
            "release.json",
            "bill-of-materials.cdx.json",
        }
        assert (kept / "warehouse.duckdb").read_bytes() == night.warehouse.read_bytes()

    def test_what_went_into_it(self, night: Night) -> None:
        with duckdb.connect(str(night.warehouse), read_only=True) as connection:
            rows = connection.execute("SELECT name, kind, version, rows FROM quality.release_sources").fetchall()
        sources = {name: (kind, version, count) for name, kind, version, count in rows}
        file = night.home / "landing" / "shipments" / "b_mixed.csv"
        # Five rows, two of them set aside.
        assert sources["landing/b_mixed.csv"] == ("landing", hashlib.sha256(file.read_bytes()).hexdigest(), 3)
        caps = DATA_FOLDER / "rules" / "price_caps.csv"
        assert sources["rules/price_caps.csv"][:2] == ("rules", hashlib.sha256(caps.read_bytes()).hexdigest())
        assert {kind for kind, _, _ in sources.values()} >= {"rules", "reference", "figures", "landing"}

    def test_samples_of_what_failed(self, night: Night) -> None:
        with duckdb.connect(str(night.warehouse), read_only=True) as connection:
            ((sample,),) = connection.execute(
                "SELECT sample FROM quality.check_results WHERE check_name = 'nothing_set_aside'"
            ).fetchall()
        rows = json.loads(sample)
        assert [(row["file"], row["row_number"]) for row in rows] == [
            ("b_mixed.csv", 3),
            ("b_mixed.csv", 5),
            ("c_id_again.csv", 2),
        ]


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("diff"), offline=True)
    file = shipments_file(settings.shipments_folder / "a.csv", AT_CAP, AT_CAP)
    assert run_night(settings).success
    shipments_file(file, AT_CAP, ABOVE_CAP, AT_CAP)
    assert run_night(settings).success
    return settings


class TestDiff:
    def test_the_last_two(self, two_nights: Settings, tmp_path: Path) -> None:
        out = tmp_path / "changed.csv"
        done = plimsoll("diff", "--out", out, home=two_nights.home)
        assert done.code == 0
        assert "landing/a.csv" in done.out
        (row,) = pl.read_csv(out).to_dicts()
        assert (row["shipment_id"], row["regime"]) == ("R2", "US")
        assert (row["verdict_old"], row["verdict_new"]) == ("within_cap", "above_cap")
        assert row["why"] == "the evidence changed (value); the price was 60.0 USD/bbl, now 70.0 USD/bbl"

    def test_two_that_are_named(self, two_nights: Settings) -> None:
        old, new = releases.kept(two_nights)
        done = plimsoll("diff", new, old, home=two_nights.home)
        assert done.code == 0
        assert done.out.index(new) < done.out.index(old)

    def test_one_file_with_itself(self, two_nights: Settings) -> None:
        (_, new) = releases.kept(two_nights)
        done = plimsoll("diff", new, new, home=two_nights.home)
        assert done.code == 1
        assert "name two releases" in done.err

    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (("1999",), 1, "no release of that id is kept"),
            (("nowhere.duckdb",), 1, "no such file"),
            (("--out", "changed.txt"), 2, "must end in"),
        ],
    )
    def test_what_cannot_be_compared(
        self, two_nights: Settings, arguments: tuple[str, ...], code: int, words: str
    ) -> None:
        done = plimsoll("diff", *arguments, home=two_nights.home)
        assert done.code == code
        assert words in done.err
        assert len(done.err.strip().splitlines()) == 1

    def test_no_release_yet(self, tmp_path: Path) -> None:
        done = plimsoll("diff", home=tmp_path)
        assert done.code == 1
        assert "not yet two releases" in done.err
