"""The official price of Urals for oil taxes: contents, sections and archive, and the row identity."""

# ruff: noqa: RUF001 (the words of the pages are Russian)

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources import upstream
from pipelines.sources.publishers import consultant
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher
from tests.sources.conftest import Fetch, checks_failed, real_file

HOST = "/www.consultant.ru"
CARD = f"{HOST}/document/cons_doc_LAW_50642/"
SECTION, CONDENSATE, ARCHIVE = (f"/document/cons_doc_LAW_50642/{digit * 40}/" for digit in "9a7")
TABLE = "urals_tax_prices"

CONTENTS = f"""<!DOCTYPE html><html><body><div class="document__toc">
<a href="/document/cons_doc_LAW_50642/537a480563a6/">1. Данные, применяемые для расчета налога на добычу полезных ископаемых в отношении нефти (в целях применения главы 26 НК РФ)</a>
<a href="/document/cons_doc_LAW_50642/48536b5ba348/">Архив (с 2003 г. по 2020 г.)</a>
<a href="{SECTION}">1.3. Данные, применяемые для расчета налога на добычу полезных ископаемых в отношении нефти</a>
<a href="{ARCHIVE}">Архив (с 2022&nbsp;г. по 2025&nbsp;г.)</a>
<a href="/document/cons_doc_LAW_50642/cffa9197b443/">Архив (с 2017 г. по 2021 г.)</a>
<a href="{CONDENSATE}">2.2. Данные, применяемые для расчета налога на добычу полезных ископаемых в отношении нефти и газового конденсата</a>
</div></body></html>"""
HEADINGS = (
    "Период",
    'Средний уровень цен нефти сорта "Юралс", долл.США/ баррель (Ц)',
    "Среднее значение курса доллара США (Р)",
    "Значение коэффициента (Кц)",
    "Размер налоговой ставки, руб./ тонна",
    "Налоговая ставка с учетом коэффициента Кц, руб./ тонна",
    "Основание (источник информации)",
)


def page(*rows: tuple[str, ...], headings: tuple[str, ...] = HEADINGS) -> str:
    """A section as the site prints it."""
    cells = "".join(
        "<tr>" + "".join(f'<td>\n<p class="align_left">{cell}</p>\n</td>' for cell in row) + "</tr>"
        for row in (headings, *rows)
    )
    return f"<!DOCTYPE html><html><body><table><tr><td>Меню</td></tr></table><table>{cells}</table></body></html>"


def row(period: str, price: str, rate: str = "", kc: str = "", tax: str = "") -> tuple[str, ...]:
    return (period, price, rate, kc, "919", tax, '<a href="/document/cons_doc_LAW_538401/">Информация</a> Минэка')


# The table as it stood on 2026-08-12: (63.52 - 15) x 73.5447 / 261 = 13.6720, (77 - 15) x 80.4132 / 261 = 19.1020.
JULY = row("Июль 2026", "59,02")
JUNE = row("Июнь 2026", "63,52", "73,5447", "13,6720", "12\xa0564,5680")
MAY = row("Май 2026", "86,52", "73,0069", "20,0056", "18385,1464")
MARCH = row("Март 2026", "77,00", "80,4132", "19,1020", "17554,7380")
# An archived row: 15 + 261 x 13.5 / 90 = 54.15.
ARCHIVED = page(("2025 год",), row("Декабрь 2025 г.", "54,15", "90,0000", "13,5000"))
GOOD = page(JULY, JUNE, MAY, MARCH)


def read(landing: Landing, as_of: str | None = None) -> upstream.Reading:
    return upstream.read(consultant.SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None)


def in_force(landing: Landing, as_of: str | None = None) -> list[tuple]:
    return upstream.latest(read(landing, as_of).tables[TABLE]).rows()


def publish(server: Publisher, section: str, archive: str = ARCHIVED) -> None:
    server.says(CARD, CONTENTS)
    server.says(HOST + SECTION, section)
    server.says(HOST + ARCHIVE, archive)


def test_the_contents_lead_to_the_section_and_its_newest_archive(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    publish(server, GOOD)
    fetch(consultant.SOURCE, "2026-08-12")
    assert [asked.path for asked in server.asked] == [CARD, HOST + SECTION, HOST + ARCHIVE]
    assert [s.document for s in landing.snapshots(consultant.SOURCE.name)] == [
        "contents",
        "section",
        "archive 2022 to 2025",
    ]
    # The newest month has a price and nothing else yet.
    assert in_force(landing) == [
        ("2025-12", 54.15, 90.0, 13.5, True), ("2026-03", 77.0, 80.4132, 19.102, True),
        ("2026-05", 86.52, 73.0069, 20.0056, True), ("2026-06", 63.52, 73.5447, 13.672, True),
        ("2026-07", 59.02, None, None, None),
    ]  # fmt: skip


def test_a_row_without_the_identity_is_named_and_marked(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    # The price printed by the agencies instead of the official one: (65.10 - 15) x 73.5447 / 261 = 14.1172.
    publish(server, page(JULY, row("Июнь 2026", "65,10", "73,5447", "13,6720"), MAY, MARCH))
    fetch(consultant.SOURCE, "2026-08-12")
    table = read(landing).tables[TABLE]
    identity = consultant.SOURCE.quirks[TABLE][0]
    assert identity.name == "row_identity"
    assert identity.failing(table).select("month", "usd_per_bbl", "rub_per_usd", "kc").rows() == [
        ("2026-06", 65.1, 73.5447, 13.672)
    ]
    assert table.filter(month="2026-06")["has_row_identity"].to_list() == [False]


def test_rounding_does_not_break_the_identity(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    # 71.52 x 73.0069 / 261 = 20.00557; a thousandth is rounding, more is not.
    printed = {2024: "20,0056", 2025: "20,0065", 2026: "20,0067"}
    publish(server, page(*(row(f"Май {year}", "86,52", "73,0069", kc) for year, kc in printed.items())))
    fetch(consultant.SOURCE, "2026-08-12")
    holds = {month: holds for month, *_, holds in in_force(landing)}
    assert (holds["2024-05"], holds["2025-05"], holds["2026-05"]) == (True, True, False)


@given(cents=st.integers(1_600, 20_000), rate=st.integers(400_000, 2_000_000))
def test_every_row_that_follows_the_rule_is_read_to_the_last_digit(cents: int, rate: int) -> None:
    kc = (cents / 100 - 15) * rate / 10_000 / 261
    printed = (f"{cents / 100:.2f}", f"{rate / 10_000:.4f}", f"{kc:.4f}")
    section = page(row("Июнь 2026", *(number.replace(".", ",") for number in printed)))
    read_back = consultant.read("section", section.encode())[TABLE]
    assert read_back.rows() == [("2026-06", *map(float, printed), True)]


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        # Price and rate exchanged: no row keeps the identity.
        pytest.param(page(row("Июнь 2026", "73,5447", "63,52", "13,6720"), row("Май 2026", "73,0069", "86,52", "20,0056")), "row_identity", id="columns shifted"),
        pytest.param(page(JULY, JUNE, headings=(*HEADINGS[:3], "Кц", *HEADINGS[4:])), "columns_as_expected", id="column renamed"),
        pytest.param(page(JULY, JUNE[:-1]), "columns_as_expected", id="cell missing"),
        pytest.param(GOOD.replace("долл.США/ баррель", "руб./ баррель"), "unit_as_expected", id="roubles"),
        pytest.param(GOOD.replace("долл.США/ баррель", "долл.США/ тонна"), "unit_as_expected", id="tonnes"),
        pytest.param(page(row("Июль 2026", "430,85")), "unit_as_expected", id="tonnes without saying so"),
        pytest.param(page(JUNE, row("2 квартал 2026", "80,00")), "period_as_expected", id="quarter"),
        pytest.param(page(JUNE, row("Май 2026", "86.52")), "number_as_expected", id="decimal point"),
        pytest.param(page(JUNE, row("Июнь 2026", "63,53")), "keeps_contract: unique", id="month twice"),
        pytest.param(page(row("Август 2026", "")), "volume_in_band", id="no prices"),
        pytest.param("<!DOCTYPE html><html><body>Доступ ограничен</body></html>", "table_found", id="another page"),
        pytest.param(GOOD[: GOOD.index("63,52")], "columns_as_expected", id="cut short"),
    ],
)  # fmt: skip
def test_a_bad_section_is_named_and_the_last_good_one_stays(
    bad: str, check: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    publish(server, GOOD)
    fetch(consultant.SOURCE, "2026-08-12")
    publish(server, bad)
    fetch(consultant.SOURCE, "2026-08-13")
    assert checks_failed(read(landing)) == [None, None, None, check]
    assert ("2026-06", 63.52, 73.5447, 13.672, True) in in_force(landing)


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param(CONTENTS.replace("1.3. Данные", "1.3. Сведения"), id="heading renamed"),
        pytest.param(CONTENTS.replace(SECTION, "https://elsewhere.example/x/"), id="leads elsewhere"),
        pytest.param("<!DOCTYPE html><html><body>Технические работы</body></html>", id="another page"),
    ],
)
def test_contents_without_the_section_are_named(
    contents: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(CARD, contents)
    fetch(consultant.SOURCE, "2026-08-12")
    assert checks_failed(read(landing)) == ["section_found"]
    fresh = upstream.freshness(consultant.SOURCE, landing, read(landing), dt.date(2026, 8, 12))
    assert fresh["state"] == "missing"
    assert fresh["message"] == (
        "contents: the contents name no section with the data for the tax on oil (section_found); "
        "no figure of it was ever read"
    )


def test_three_printings_are_three_versions(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    for printing in ("83,08", "83,30", "83,80"):
        publish(server, page(row("Сентябрь 2023", printing)))
        fetch(consultant.SOURCE, "2026-08-12")
    table = read(landing).tables[TABLE]
    september = table.filter(month="2023-09")
    assert september["usd_per_bbl"].to_list() == [83.08, 83.3, 83.8]
    assert september["is_latest"].to_list() == [False, False, True]
    printings_agree = consultant.SOURCE.quirks[TABLE][1]
    assert printings_agree.failing(table).select("usd_per_bbl_before", "usd_per_bbl").rows() == [
        (83.08, 83.3),
        (83.3, 83.8),
    ]


def test_rate_and_coefficient_that_come_later_are_no_changed_printing(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    for july in (JULY, row("Июль 2026", "59,02", "75,0000", "12,6494")):
        publish(server, page(july, JUNE))
        fetch(consultant.SOURCE, "2026-08-12")
    # 44.02 x 75 / 261 = 12.6494
    assert in_force(landing)[-1] == ("2026-07", 59.02, 75.0, 12.6494, True)
    assert consultant.SOURCE.quirks[TABLE][1].failing(read(landing).tables[TABLE]).height == 0


def test_a_price_is_known_in_the_middle_of_the_next_month(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    publish(server, page(row("Сентябрь 2023", "83,08")))
    fetch(consultant.SOURCE, "2026-08-12")
    assert in_force(landing, "2023-10-14") == []
    assert in_force(landing, "2023-10-15") == [("2023-09", 83.08, None, None, None)]


def test_a_month_is_expected_from_the_21st() -> None:
    assert consultant.SOURCE.newest_expected(dt.date(2026, 11, 20)) == dt.date(2026, 9, 30)
    assert consultant.SOURCE.newest_expected(dt.date(2026, 11, 21)) == dt.date(2026, 10, 31)


def put(landing: Landing, tmp_path: Path, name: str, body: bytes) -> upstream.Reading:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / name).write_bytes(body)
    upstream.take_files(consultant.SOURCE, landing, tmp_path / "files")
    return read(landing)


def test_a_page_that_somebody_saved_is_read(landing: Landing, tmp_path: Path) -> None:
    put(landing, tmp_path, "раздел.html", GOOD.encode())
    assert [month for month, *_ in in_force(landing)] == ["2026-03", "2026-05", "2026-06", "2026-07"]


def test_the_section_on_condensate_is_not_taken_for_the_one_on_oil(landing: Landing, tmp_path: Path) -> None:
    # Its coefficient is (C - 8) x R / 252: 16.2032 in June 2026.
    condensate = page(
        JULY, row("Июнь 2026", "63,52", "73,5447", "16,2032"), row("Май 2026", "86,52", "73,0069", "22,7480")
    )
    assert checks_failed(put(landing, tmp_path, "2.2.html", condensate.encode())) == ["row_identity"]


def test_the_real_table(landing: Landing, tmp_path: Path) -> None:
    """Rows and sum of the file, added up with Python's own csv module."""
    reading = put(landing, tmp_path, "urals.csv", real_file("urals_official_tax_price_monthly.csv"))
    assert checks_failed(reading) == [None]
    prices = upstream.latest(reading.tables[TABLE])
    assert (prices.height, prices["month"].min(), prices["month"].max()) == (57, "2021-12", "2026-08")
    assert round(prices["usd_per_bbl"].sum(), 2) == 3_771.93
    assert prices.filter(month="2026-01")["usd_per_bbl"].item() == 40.95
