"""Comext by mode of transport and by code, and exports of Easy Comext.

Figures are made up unless a source is named; what matters is the shape.
"""

import datetime as dt

import polars as pl
import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import eurostat_comext
from pipelines.sources.publishers.eurostat_comext import SERVICE, SOURCE
from pipelines.sources.snapshots import Landing
from pipelines.sources.upstream import Plan, SourceFault
from tests.publisher_server import Publisher, Reply
from tests.sources.conftest import Fetch, checks_failed, real_file

HEADER = "DATAFLOW,LAST UPDATE,freq,reporter,partner,product,flow,transport_mode,indicators,TIME_PERIOD,OBS_VALUE\r\n"
LABELS = {
    "DE": "DE:Germany",
    "HU": "HU:Hungary",
    "RU": "RU:Russian Federation (Russia)",
    "KZ": "KZ:Kazakhstan",
    "270900": "270900:Petroleum oils and oils obtained from bituminous minerals, crude",
    "1": "1:Sea",
    "2": "2:Rail",
    "3": "3:Road",
    "7": "7:Fixed Mechanism",
    "8": "8:Inland Waterway",
    "9": "9:Self Propulsion",
    "0": "0:Unknown",
}
# Germany, November 2022: 100,000 t by sea for 62,000,000 EUR; 900,000 t by pipeline.
LINES = [
    ("DE", "RU", "270900", "1", "2022-11", 100_000_000, 62_000_000),
    ("DE", "RU", "270900", "7", "2022-11", 900_000_000, 480_000_000),
    ("DE", "KZ", "270900", "1", "2022-11", 50_000_000, 33_000_000),
]


def by_mode(lines: list[tuple] = LINES, quantity: str = "QUANTITY_KG", value: str = "VALUE_EUR") -> str:
    """SDMX-CSV with labels: reporter, partner, product, mode, month, quantity, value."""

    def shown(code: str) -> str:
        return f'"{LABELS.get(code, code)}"'

    return HEADER + "".join(
        f"ESTAT:DS-059334(1.0),15/09/26 11:00:00,M:Monthly,{shown(reporter)},{shown(partner)},{shown(product)},1:IMPORT,"
        f"{shown(mode)},{indicator},{month},{figure}\r\n"
        for reporter, partner, product, mode, month, kg, eur in lines
        for indicator, figure in ((quantity, kg), (value, eur))
    )


def lines_of(body: str) -> pl.DataFrame:
    """What a document holds, through all promises of the source."""
    return upstream._frames(SOURCE, "x", body.encode())["eu_customs_lines"]


def read(landing: Landing) -> pl.DataFrame:
    return upstream.read(SOURCE, landing).tables["eu_customs_lines"]


def path(data_set: str, key: str) -> str:
    return f"{SERVICE.removeprefix('https:/')}/{data_set}/{key}/"


def test_sea_and_pipeline_apart(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    key = "M.CZ+DE+DK+EE.RU+KZ.270900+271012+271019+271020.1.1+2+3+7+8+0+4+5+9."
    server.says(path("DS-059334", key), by_mode())
    fetch(SOURCE, "2022-12-31", first="2022-11-01")
    rows = read(landing).sort("origin_country", "transport_mode")
    columns = ("importer_country", "origin_country", "hs_code", "transport_mode", "quantity", "quantity_unit", "value")
    assert rows.select(columns).rows() == [
        ("DE", "KZ", "270900", "sea", 50_000_000, "kg", 33_000_000),
        ("DE", "RU", "270900", "pipeline", 900_000_000, "kg", 480_000_000),
        ("DE", "RU", "270900", "sea", 100_000_000, "kg", 62_000_000),
    ]
    assert set(rows.select("currency", "valuation", "month", "is_confidential").rows()) == {
        ("EUR", "CIF", "2022-11", False)
    }


def test_all_modes_have_a_name() -> None:
    modes = {mode: f"2022-{month:02d}" for month, mode in enumerate("123457890", start=1)}
    rows = lines_of(by_mode([("HU", "RU", "270900", mode, month, 1000, 500) for mode, month in modes.items()]))
    assert dict(rows.sort("month").select("month", "transport_mode").iter_rows()) == {
        "2022-01": "sea",
        "2022-02": "rail",
        "2022-03": "road",
        "2022-04": "other",
        "2022-05": "other",
        "2022-06": "pipeline",
        "2022-07": "inland_waterway",
        "2022-08": "other",
        "2022-09": "unknown",
    }


def test_crude_and_condensate_by_code_with_all_modes_together() -> None:
    body = (
        "DATAFLOW,LAST UPDATE,freq,reporter,partner,product,flow,indicators,TIME_PERIOD,OBS_VALUE\n"
        "ESTAT:DS-045409(1.0),15/09/26,M,LT,RU,27090090,1,QUANTITY_IN_100KG,2022-01,7584740.2\n"
        "ESTAT:DS-045409(1.0),15/09/26,M,LT,RU,27090090,1,VALUE_IN_EUROS,2022-01,305566661\n"
        "ESTAT:DS-045409(1.0),15/09/26,M,LT,RU,27090010,1,QUANTITY_IN_100KG,2022-01,1200\n"
        "ESTAT:DS-045409(1.0),15/09/26,M,LT,RU,27090010,1,VALUE_IN_EUROS,2022-01,90000\n"
    )
    rows = lines_of(body).sort("hs_code")
    assert rows["hs_code"].to_list() == ["27090010", "27090090"]
    assert rows["net_mass_kg"].round(3).to_list() == [120_000, 758_474_020]
    assert rows["transport_mode"].to_list() == [None, None]


def test_four_members_a_call_a_year_at_a_time_and_old_years_once() -> None:
    asked = list(SOURCE.requests(Plan(dt.date(2021, 12, 1), dt.date(2026, 11, 22))))
    # 27 members in seven calls, six years (2021 to 2026), two data sets.
    assert len(asked) == 7 * 6 * 2
    assert max(len(request.document.split()[-1].split("+")) for request in asked) == 4
    members = {code for request in asked for code in request.document.split()[-1].split("+")}
    assert len(members) == 27 and "GR" in members and "EU" not in members
    assert {request.params["startPeriod"][:4] for request in asked if request.is_settled} == {"2021", "2022", "2023"}
    assert {request.params["label"] for request in asked} == {"both"}


def test_a_year_is_asked_for_when_its_first_month_should_be_out() -> None:
    def years(today: str) -> set[str]:
        plan = Plan(dt.date(2025, 1, 1), dt.date.fromisoformat(today))
        return {request.params["startPeriod"][:4] for request in SOURCE.requests(plan)}

    assert years("2026-03-20") == {"2025"}
    assert years("2026-03-21") == {"2025", "2026"}


def test_what_has_settled_is_not_asked_for_again(server: Publisher, fetch: Fetch) -> None:
    for request in SOURCE.requests(Plan(dt.date(2023, 1, 1), dt.date(2026, 3, 1))):
        server.says("/" + request.url.removeprefix("https://"), HEADER)
    fetch(SOURCE, "2026-03-01", first="2023-01-01")
    server.asked.clear()
    fetch(SOURCE, "2026-03-01", first="2023-01-01")
    assert {asked.query["startPeriod"][0][:4] for asked in server.asked} == {"2024", "2025"}


def test_a_revision_is_a_new_version(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    key = "M.CZ+DE+DK+EE.RU+KZ.270900+271012+271019+271020.1.1+2+3+7+8+0+4+5+9."
    revised = [(*line[:5], 120_000_000, 70_000_000) if line[3] == "1" and line[1] == "RU" else line for line in LINES]
    server.says(path("DS-059334", key), by_mode(), by_mode(revised))
    fetch(SOURCE, "2022-12-31", first="2022-11-01")
    fetch(SOURCE, "2023-01-31", first="2022-11-01")
    sea = read(landing).filter(origin_country="RU", transport_mode="sea")
    assert sea["net_mass_kg"].to_list() == [100_000_000, 120_000_000]
    assert sea["is_latest"].to_list() == [False, True]


def test_countries_added_up_are_left_out_so_that_sums_count_once() -> None:
    totals = [(area, *line[1:]) for area in ("EU", "EU27_2020", "EA19", "EA20", "EUROZONE") for line in LINES]
    assert lines_of(by_mode([*LINES, *totals]))["net_mass_kg"].sum() == 1_050_000_000
    assert lines_of(by_mode([*LINES, ("DE", "EU27_2020_EXTRA", "270900", "1", "2022-11", 1, 1)])).height == 3


def test_codes_keep_their_leading_zeros_and_confidential_ones_name_no_heading() -> None:
    others = [("DE", "RU", code, "1", "2022-11", 1000, 500) for code in ("01012100", "27SSS999", "27YYY000")]
    assert lines_of(by_mode([*LINES, *others]))["hs_code"].unique().to_list() == ["270900"]


def test_exports_are_no_imports() -> None:
    assert lines_of(by_mode().replace("1:IMPORT", "2:EXPORT")).height == 0


def test_thousands_with_commas() -> None:
    (kg,) = lines_of(by_mode([("DE", "RU", "270900", "1", "2022-11", '"100,000,000"', 62)]))["net_mass_kg"]
    assert kg == 100_000_000


def test_a_withheld_figure_is_empty_and_marked() -> None:
    body = by_mode(LINES[:1]).replace("OBS_VALUE", "OBS_VALUE,OBS_FLAG").replace("000\r\n", "000,\r\n")
    (line,) = lines_of(body.replace("2022-11,62000000,", "2022-11,,c")).to_dicts()
    assert (line["quantity"], line["value"], line["is_confidential"]) == (100_000_000, None, True)


GOOD = by_mode()


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(GOOD.replace("transport_mode", "mot", 1), "columns_as_expected", id="column renamed"),
        pytest.param(GOOD.replace("reporter", "declarant", 1), "columns_as_expected", id="column missing"),
        pytest.param(by_mode(quantity="QUANTITY_IN_TONS"), "unit_as_expected", id="tonnes"),
        pytest.param(by_mode(value="VALUE_IN_USD"), "unit_as_expected", id="dollars"),
        pytest.param(by_mode(value="QUANTITY_IN_KG"), "unit_as_expected", id="no value at all"),
        pytest.param(GOOD[:-30], "complete", id="cut short"),
        pytest.param(GOOD + GOOD.removeprefix(HEADER), "one_value_each", id="every line twice"),
        pytest.param(GOOD.replace("62000000", "62000000,5"), "readable", id="a comma too many"),
        pytest.param(GOOD.replace("100000000", "1e8kg"), "readable", id="unit in the figure"),
        pytest.param(GOOD.replace('"DE:Germany"', "XX"), "codes_as_expected", id="unknown reporter"),
        pytest.param(GOOD.replace('"1:Sea"', "6"), "codes_as_expected", id="unknown mode"),
        pytest.param("<html><body>Service unavailable</body></html>", "not_a_web_page", id="web page"),
        pytest.param(
            '<?xml version="1.0"?><S:Fault><faultstring>EXTRACTION_TOO_BIG</faultstring></S:Fault>\n',
            "columns_as_expected",
            id="fault of the service",
        ),
    ],
)
def test_a_changed_or_broken_answer_is_refused_by_name(bad: str, check: str) -> None:
    with pytest.raises(SourceFault) as fault:
        lines_of(bad)
    assert fault.value.check == check


def test_a_refused_answer_leaves_the_last_good_one(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    key = "M.CZ+DE+DK+EE.RU+KZ.270900+271012+271019+271020.1.1+2+3+7+8+0+4+5+9."
    server.says(path("DS-059334", key), GOOD, GOOD.replace("QUANTITY_KG", "QUANTITY_IN_TONS"), Reply(b"", 500))
    for _ in range(3):
        fetch(SOURCE, "2022-12-31", first="2022-11-01")
    reading = upstream.read(SOURCE, landing)
    assert checks_failed(reading) == [None, "unit_as_expected"]
    assert reading.tables["eu_customs_lines"].filter("is_latest").height == 3


def test_a_mistaken_unit_shows_in_the_value_per_tonne() -> None:
    (quirk,) = SOURCE.quirks["eu_customs_lines"]
    # 620 EUR per tonne; a hundred times as much oil for the money is 6.2.
    wrong = [("LT", "RU", "270900", "1", "2022-11", 10_000_000_000, 62_000_000)]
    rows = lines_of(by_mode([*LINES, *wrong])).with_columns(is_latest=pl.lit(True))
    assert quirk.failing(rows)["importer_country"].to_list() == ["LT"]


@pytest.mark.parametrize(
    ("today", "month"), [("2026-09-20", "2026-06-30"), ("2026-09-21", "2026-07-31"), ("2026-01-31", "2025-11-30")]
)
def test_the_month_that_should_be_out(today: str, month: str) -> None:
    assert SOURCE.newest_expected(dt.date.fromisoformat(today)) == dt.date.fromisoformat(month)


# --- Easy Comext


EASY = "REPORTER,PARTNER,PRODUCT,FLOW,PERIOD,INDICATORS,INDICATOR_VALUE\n"


def test_an_export_of_easy_comext() -> None:
    rows = lines_of(
        EASY
        + "NL,RU,2709,1,202101,QUANTITY_IN_100KG,25000000\nNL,RU,2709,1,202101,VALUE_IN_EUROS,850000000\n"
        + "EU27_2020,RU,2709,1,202101,QUANTITY_IN_100KG,90000000\nEU27_2020,RU,2709,1,202101,VALUE_IN_EUROS,1\n"
    )
    (line,) = rows.to_dicts()
    assert (line["importer_country"], line["month"], line["hs_code"]) == ("NL", "2021-01", "2709")
    assert (line["net_mass_kg"], line["value"], line["transport_mode"]) == (2_500_000_000, 850_000_000, None)


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(EASY.replace("PERIOD", "MONTH"), "columns_as_expected", id="column renamed"),
        pytest.param(EASY + "NL,RU,2709,1,202101,QUANTITY_IN_TONS,25\n", "unit_as_expected", id="tonnes"),
        pytest.param(EASY + "NL,RU,2709,1,202101,QUANTITY_IN_100KG\n", "complete", id="cut short"),
    ],
)
def test_a_changed_export_is_refused_by_name(bad: str, check: str) -> None:
    with pytest.raises(SourceFault) as fault:
        lines_of(bad)
    assert fault.value.check == check


def test_the_real_export() -> None:
    # Worked out with awk over the file: 1,054 lines of members and the United Kingdom with Russia and Kazakhstan,
    # 485.598 Mt; the Netherlands from Russia in 2021: 31.7449 Mt, as the note on the extract says (31.7).
    frames = upstream._frames(SOURCE, "file x.csv", real_file("eurostat_comext_easy_2709_ru_kz_2019_2021.csv"))
    rows = frames[eurostat_comext.EU_CUSTOMS_LINES.name]
    assert rows.height == 1054
    assert rows["net_mass_kg"].sum() / 1e9 == pytest.approx(485.598, abs=0.001)
    assert rows["value"].sum() == pytest.approx(182_627_949_546)
    dutch = rows.filter(pl.col("month").str.starts_with("2021"), importer_country="NL", origin_country="RU")
    assert dutch["net_mass_kg"].sum() / 1e9 == pytest.approx(31.7449, abs=0.0001)
    assert rows.filter(pl.col("quantity") == 0).select("importer_country", "month").rows() == [("SE", "2020-08")]
