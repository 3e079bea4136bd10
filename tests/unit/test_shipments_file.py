"""What happens to each thing that can be wrong with a shipments file.

Here: hand-made CSV, Parquet and XLSX files and the rows, checks and words that must come out.
Add here: a new way for a file, a row or a cell to be wrong.
Keep out: rules of the contract on a typed frame (see `test_table`).
"""

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.shipments import declared_shipments
from pipelines.sources.shipments_file import InputFileError, Intake, read_shipments
from tests.support import as_nobody

REGIMES = ("US", "EU", "UK", "JP")
TABLE = declared_shipments(REGIMES, ("bbl", "t", "kg", "kl", "m3", "l"), ("FOB", "CIF", "CFR"))
COLUMNS = TABLE.polars_schema().names()

GOOD = {
    "shipment_id": "S1",
    "contract_date": "2023-01-10",
    "loading_date": "2023-02-05",
    "discharge_date": "2023-03-01",
    "hs_code": "2709.00",
    "grade": "Urals",
    "origin_country": "RU",
    "origin_project": "",
    "loading_port": "RU PRI",
    "discharge_port": "INSIK",
    "destination_country": "IN",
    "transport_mode": "sea",
    "vessel_imo": "9074729",  # 9*7 + 0*6 + 7*5 + 4*4 + 7*3 + 2*2 = 139
    "vessel_name": "Example",
    "quantity": "100000",
    "quantity_unit": "t",
    "value": "40000000.5",
    "currency": "USD",
    "incoterm": "CIF",
    "freight_cost": "1000000",
    "insurance_cost": "20000",
    "other_cost": "0",
    "nexus": "US;EU",
    "insurer_country": "GB",
    "owner_country": "GR",
    "manager_country": "GR",
    "flag": "LR",
    "financier_country": "AE",
    "broker_country": "CH",
    "customs_broker_country": "IN",
    "classification_country": "NO",
}


def rows(*changes: dict[str, str]) -> list[dict[str, str]]:
    """Good rows S1, S2, ..., each with its changes."""
    return [GOOD | {"shipment_id": f"S{number}"} | change for number, change in enumerate(changes, start=1)]


def csv_file(folder: Path, records: list[dict[str, str]]) -> Path:
    path = folder / "cargoes.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def text_file(folder: Path, text: str | bytes, name: str = "cargoes.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def xlsx_file(folder: Path, header: list[str], *lines: Sequence[object]) -> Path:
    path = folder / "cargoes.xlsx"
    workbook = openpyxl.Workbook()
    for line in (header, *lines):
        workbook.active.append(line)
    workbook.save(path)
    return path


def line(record: dict[str, str]) -> str:
    return ",".join(record.values())


HEADER = ",".join(COLUMNS)


def read(path: Path) -> Intake:
    intake = read_shipments(path, TABLE)
    assert intake.accepted.height + intake.rejected.height == intake.rows_read
    assert intake.accepted_row_numbers.len() == intake.accepted.height
    assert not set(intake.accepted_row_numbers) & set(intake.rejected["row_number"])
    assert intake.accepted.schema == TABLE.polars_schema()
    assert intake.rejected.schema == QUARANTINE.polars_schema()
    assert QUARANTINE.failures(intake.rejected).height == 0
    return intake


def only_rejected(path: Path) -> dict[str, object]:
    intake = read(path)
    assert intake.rejected.height == 1
    return intake.rejected.row(0, named=True)


def refusal(path: Path, *words: str) -> str:
    """The message with which the file is refused: one sentence that names the file and holds all `words`."""
    with pytest.raises(InputFileError) as refused:
        read_shipments(path, TABLE)
    message = str(refused.value)
    assert path.name in message
    assert message.endswith(".")
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


class TestGoodRows:
    def test_every_value_is_typed_and_tidied(self, tmp_path: Path) -> None:
        intake = read(csv_file(tmp_path, rows({})))
        assert intake.rejected.height == 0
        assert intake.ignored_columns == []
        assert intake.accepted.row(0, named=True) == {
            "shipment_id": "S1",
            "contract_date": dt.date(2023, 1, 10),
            "loading_date": dt.date(2023, 2, 5),
            "discharge_date": dt.date(2023, 3, 1),
            "hs_code": "270900",
            "grade": "Urals",
            "origin_country": "RU",
            "origin_project": None,
            "loading_port": "RUPRI",
            "discharge_port": "INSIK",
            "destination_country": "IN",
            "transport_mode": "sea",
            "vessel_imo": "9074729",
            "vessel_name": "Example",
            "quantity": 100000.0,
            "quantity_unit": "t",
            "value": 40000000.5,
            "currency": "USD",
            "incoterm": "CIF",
            "freight_cost": 1000000.0,
            "insurance_cost": 20000.0,
            "other_cost": 0.0,
            "nexus": "US;EU",
            "insurer_country": "GB",
            "owner_country": "GR",
            "manager_country": "GR",
            "flag": "LR",
            "financier_country": "AE",
            "broker_country": "CH",
            "customs_broker_country": "IN",
            "classification_country": "NO",
        }

    @pytest.mark.parametrize(
        ("column", "written", "taken"),
        [
            ("grade", "  Sakhalin Blend ", "Sakhalin Blend"),
            ("hs_code", "2710 19.43", "27101943"),
            ("origin_country", " ru ", "RU"),
            ("currency", "usd", "USD"),
            ("incoterm", "fob", "FOB"),
            ("incoterm", " ", "FOB"),
            ("transport_mode", "Pipeline", "pipeline"),
            ("transport_mode", "", "sea"),
            ("quantity_unit", "BBL", "bbl"),
            ("quantity", " 12.50 ", 12.5),
            ("loading_port", "ru pri", "RUPRI"),
            ("nexus", " eu ; us;EU;", "EU;US"),
            ("nexus", "", None),
            ("value", "", None),
            ("discharge_date", "2024-02-29", dt.date(2024, 2, 29)),
            ("vessel_name", 'The "Good" Ship, of\nTwo Lines', 'The "Good" Ship, of\nTwo Lines'),
        ],
    )
    def test_tidying(self, tmp_path: Path, column: str, written: str, taken: object) -> None:
        assert read(csv_file(tmp_path, rows({column: written}))).accepted[column].to_list() == [taken]

    def test_columns_in_any_order_and_case_with_others_kept_aside(self, tmp_path: Path) -> None:
        needed = [
            "quantity_unit",
            "quantity",
            "destination_country",
            "origin_country",
            "hs_code",
            "loading_date",
        ]
        record = {
            " Broker ": "x",
            **{name.upper(): GOOD[name] for name in needed},
            "Shipment_ID ": "S1",
            "": "y",
        }
        intake = read(csv_file(tmp_path, [record]))
        assert intake.ignored_columns == ["broker", "(column 9)"]
        accepted = intake.accepted.row(0, named=True)
        assert (accepted["shipment_id"], accepted["quantity"], accepted["value"]) == ("S1", 100000.0, None)
        assert (accepted["transport_mode"], accepted["incoterm"]) == ("sea", "FOB")

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, tmp_path: Path) -> None:
        text = f"\ufeff{HEADER}\r\n{line(GOOD)}\r\n"
        assert read(text_file(tmp_path, text)).accepted.height == 1

    def test_blank_lines_are_no_rows_but_count_in_the_numbers(self, tmp_path: Path) -> None:
        bad = line(GOOD | {"shipment_id": "S2", "quantity": "x"})
        blank = "," * (len(COLUMNS) - 1)
        intake = read(text_file(tmp_path, f"{HEADER}\n\n{line(GOOD)}\n{blank}\n{bad}\n\n"))
        assert intake.rows_read == 2
        assert intake.accepted_row_numbers.to_list() == [3]
        assert intake.rejected["row_number"].to_list() == [5]

    def test_costs_without_a_value_are_an_unpriced_cargo(self, tmp_path: Path) -> None:
        intake = read(csv_file(tmp_path, rows({"value": "", "currency": ""})))
        assert intake.accepted["value"].to_list() == [None]

    def test_a_path_may_be_text(self, tmp_path: Path) -> None:
        assert read_shipments(str(csv_file(tmp_path, rows({}))), TABLE).rows_read == 1


class TestRejectedRows:
    @pytest.mark.parametrize(
        ("column", "value", "check", "words"),
        [
            ("shipment_id", "", "required", ("shipment_id is empty", "needs a value")),
            ("loading_date", "  ", "required", ("loading_date is empty", "bill of lading")),
            ("hs_code", "", "required", ("hs_code is empty",)),
            ("origin_country", "", "required", ("origin_country is empty", "not of the port")),
            ("destination_country", "", "required", ("destination_country is empty",)),
            ("quantity", "", "required", ("quantity is empty",)),
            ("quantity_unit", "", "required", ("quantity_unit is empty",)),
            ("loading_date", "05/02/2023", "not_a_date", ("'05/02/2023'", "YYYY-MM-DD")),
            ("loading_date", "20230205", "not_a_date", ("'20230205'", "YYYY-MM-DD")),
            ("loading_date", "2023-2-5", "not_a_date", ("'2023-2-5'", "YYYY-MM-DD")),
            ("contract_date", "2023-02-30", "not_a_date", ("'2023-02-30'", "not a day of the calendar")),
            ("contract_date", "2023-02-05 00:00", "not_a_date", ("YYYY-MM-DD",)),
            ("contract_date", "0000-01-01", "not_a_date", ("YYYY-MM-DD",)),
            ("quantity", "many", "not_a_number", ("'many' is not a number", "such as 1234.5")),
            ("quantity", "1,234.5", "not_a_number", ("'1,234.5'", "no thousands separator")),
            ("quantity", "1 000", "not_a_number", ("'1 000'", "no thousands separator")),
            ("quantity", "1.2E+06", "not_a_number", ("'1.2E+06'", "plain number")),
            ("quantity", "\uff11\uff12", "not_a_number", ("plain number",)),  # full-width digits
            ("quantity", "1234,5", "decimal_comma", ("'1234,5' has a comma", "decimal point")),
            ("value", "40.000.000,50", "decimal_comma", ("has a comma", "decimal point")),
            ("quantity", "NaN", "not_finite", ("'NaN' is not a finite number", "leave it empty")),
            ("value", "-inf", "not_finite", ("'-inf' is not a finite number",)),
            ("quantity", "9" * 400, "not_finite", ("is not a finite number",)),
            ("quantity", "0", "above", ("quantity '0' must be above 0",)),
            ("value", "-5", "above", ("value '-5' must be above 0",)),
            ("freight_cost", "-0.01", "at_least", ("freight_cost '-0.01' must be 0 or more",)),
            ("hs_code", "270", "pattern", ("hs_code '270'", "4 to 10 digits")),
            ("hs_code", "27.09-00", "pattern", ("hs_code '27.09-00'", "4 to 10 digits")),
            ("hs_code", "...", "pattern", ("hs_code '...'", "4 to 10 digits")),
            ("origin_country", "RUS", "allowed", ("origin_country 'RUS' is not known", "two-letter ISO 3166")),
            ("destination_country", "UK", "allowed", ("destination_country 'UK'", "GB, not UK")),
            ("currency", "RMB", "allowed", ("currency 'RMB' is not known", "ISO 4217")),
            ("quantity_unit", "tons", "allowed", ("quantity_unit 'tons'", "bbl, t, kg, kl, m3, l")),
            ("incoterm", "COD", "allowed", ("incoterm 'COD'", "FOB, CIF, CFR")),
            ("transport_mode", "air", "allowed", ("transport_mode 'air'", "sea, pipeline, rail, road")),
            ("loading_port", "Primorsk", "pattern", ("loading_port 'Primorsk'", "UN/LOCODE")),
            ("discharge_port", "IN1SIK", "pattern", ("discharge_port 'IN1SIK'", "UN/LOCODE")),
            ("vessel_imo", "123456", "pattern", ("vessel_imo '123456'", "seven digits")),
            ("vessel_imo", "9074720", "imo_check_digit", ("last digit", "vessel_imo is '9074720'")),
            ("discharge_date", "2023-02-04", "discharge_not_before_loading",
             ("must be the loading_date or a later day", "'2023-02-04'", "'2023-02-05'")),
            ("currency", "", "value_needs_currency", ("a value needs its currency", "currency is (empty)")),
            ("nexus", "US,EU", "nexus_regimes", ("separated by semicolons", "US, EU, UK, JP", "'US,EU'")),
            ("nexus", "US;FR", "nexus_regimes", ("nexus is 'US;FR'",)),
            ("nexus", ";", "nexus_regimes", ("nexus is ';'",)),
        ],
    )  # fmt: skip
    def test_one_bad_cell(self, tmp_path: Path, column: str, value: str, check: str, words: tuple[str, ...]) -> None:
        path = csv_file(tmp_path, rows({}, {column: value}, {}))
        bad = only_rejected(path)
        assert (bad["file"], bad["row_number"], bad["column"], bad["check"]) == (
            "cargoes.csv",
            3,
            column,
            check,
        )
        assert bad["raw_value"] == value.lstrip()  # blanks after a comma are no part of a cell
        assert bad["shipment_id"] == (value if column == "shipment_id" else "S2")
        for word in words:
            assert word in str(bad["message"])
        # The raw row is the row of the file.
        assert next(csv.reader([str(bad["raw_row"])])) == list(rows({}, {column: value.lstrip()})[1].values())

    def test_costs_must_be_below_the_value(self, tmp_path: Path) -> None:
        costs = {"freight_cost": "60", "insurance_cost": "30", "other_cost": "10"}
        path = csv_file(tmp_path, rows({"value": "100", **costs}, {"value": "100.01", **costs}))
        bad = only_rejected(path)
        assert (bad["row_number"], bad["column"], bad["check"]) == (2, "value", "costs_below_value")
        for word in ("must be below it", "value is '100'", "freight_cost is '60'", "other_cost is '10'"):
            assert word in str(bad["message"])

    def test_every_row_of_a_repeated_id_is_rejected(self, tmp_path: Path) -> None:
        twice = {"shipment_id": "A"}
        intake = read(csv_file(tmp_path, rows(twice, {}, twice, {"shipment_id": " A "})))
        assert intake.accepted["shipment_id"].to_list() == ["S2"]
        assert intake.rejected.select("row_number", "column", "check").rows() == [
            (2, "shipment_id", "unique"),
            (4, "shipment_id", "unique"),
            (5, "shipment_id", "unique"),
        ]
        assert "'A' stands in more than one row" in intake.rejected["message"][0]

    def test_ids_that_are_empty_are_empty_and_not_repeated(self, tmp_path: Path) -> None:
        intake = read(csv_file(tmp_path, rows({"shipment_id": ""}, {"shipment_id": ""})))
        assert intake.rejected["check"].to_list() == ["required", "required"]

    def test_several_failures_stand_in_one_row_in_the_order_of_the_columns(self, tmp_path: Path) -> None:
        change = {"quantity": "x", "loading_date": "", "vessel_imo": "12", "other_cost": "1,5"}
        bad = only_rejected(csv_file(tmp_path, rows(change)))
        assert bad["column"] == "loading_date; vessel_imo; quantity; other_cost"
        assert bad["check"] == "required; pattern; not_a_number; decimal_comma"
        assert bad["raw_value"] == "; 12; x; 1,5"
        assert str(bad["message"]).count("; ") == 3

    def test_ragged_rows_keep_their_text_and_do_not_stop_the_others(self, tmp_path: Path) -> None:
        short, long = "S7,2023-01-10", line(GOOD | {"shipment_id": "S8"}) + ',"a, b"'
        good = line(GOOD | {"shipment_id": "S9"})
        intake = read(text_file(tmp_path, f"{HEADER}\n{short}\n{long}\n{good}\n"))
        assert intake.accepted["shipment_id"].to_list() == ["S9"]
        assert intake.rejected.select("row_number", "column", "check", "raw_row").rows() == [
            (2, None, "ragged_row", short),
            (3, None, "ragged_row", long),
        ]
        assert "the row has 2 cells and the header has 31" in intake.rejected["message"][0]

    def test_row_numbers_hold_across_chunks(self, tmp_path: Path) -> None:
        changes: list[dict[str, str]] = [{} for _ in range(2500)]
        changes[2398] = {"quantity": "x"}
        assert only_rejected(csv_file(tmp_path, rows(*changes)))["row_number"] == 2400

    def test_rows_with_line_breaks_count_once(self, tmp_path: Path) -> None:
        path = csv_file(tmp_path, rows({"vessel_name": "a\nb\nc"}, {"quantity": "x"}))
        assert only_rejected(path)["row_number"] == 3

    def test_a_long_value_is_cut_in_the_message_only(self, tmp_path: Path) -> None:
        bad = only_rejected(csv_file(tmp_path, rows({"quantity": "x" * 500})))
        assert bad["raw_value"] == "x" * 500
        assert len(str(bad["message"])) < 250


class TestRefusedFiles:
    def test_missing(self, tmp_path: Path) -> None:
        refusal(tmp_path / "nothing.csv", "no such file", "check the name")

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "folder.csv").mkdir()
        refusal(tmp_path / "folder.csv", "this is a folder")

    @pytest.mark.parametrize("name", ["cargoes.xls", "cargoes.txt", "cargoes"])
    def test_unknown_suffix(self, tmp_path: Path, name: str) -> None:
        refusal(text_file(tmp_path, "x", name), ".csv, .parquet or .xlsx")

    @pytest.mark.parametrize("name", ["cargoes.csv", "cargoes.parquet", "cargoes.xlsx"])
    def test_no_byte(self, tmp_path: Path, name: str) -> None:
        refusal(text_file(tmp_path, "", name), "empty (0 bytes)", "export it again")

    @pytest.mark.parametrize("rest", ["", "\n", "\r\n\r\n"])
    def test_header_only(self, tmp_path: Path, rest: str) -> None:
        refusal(text_file(tmp_path, HEADER + rest), "a header but no row below it")

    def test_header_only_parquet(self, tmp_path: Path) -> None:
        TABLE.empty().write_parquet(tmp_path / "cargoes.parquet")
        refusal(tmp_path / "cargoes.parquet", "a header but no row below it")

    def test_header_only_xlsx(self, tmp_path: Path) -> None:
        refusal(xlsx_file(tmp_path, COLUMNS), "a header but no row below it")

    def test_empty_sheet(self, tmp_path: Path) -> None:
        refusal(xlsx_file(tmp_path, []), "row 1 is blank")

    @pytest.mark.parametrize("blank", ["\n", ",,,\n"])
    def test_header_not_in_row_1(self, tmp_path: Path, blank: str) -> None:
        refusal(text_file(tmp_path, f"{blank}{HEADER}\n{line(GOOD)}\n"), "row 1 is blank", "column names")

    def test_latin_1(self, tmp_path: Path) -> None:
        text = f"{HEADER}\n{line(GOOD)}\n{line(GOOD | {'vessel_name': 'Málaga'})}\n"
        refusal(text_file(tmp_path, text.encode("latin-1")), "line 3 is not UTF-8", "save it as 'CSV UTF-8'")

    def test_utf_16(self, tmp_path: Path) -> None:
        refusal(text_file(tmp_path, f"{HEADER}\n{line(GOOD)}\n".encode("utf-16")), "UTF-16", "CSV UTF-8")

    def test_cut_within_a_character(self, tmp_path: Path) -> None:
        refusal(text_file(tmp_path, f"{HEADER}\n".encode() + "é".encode()[:1]), "line 2 is not UTF-8")

    def test_nul_byte(self, tmp_path: Path) -> None:
        refusal(text_file(tmp_path, f"{HEADER}\n{line(GOOD)}\0\n"), "line 2 holds a NUL byte")

    @pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
    @pytest.mark.parametrize("quote", ["", '"'])
    def test_other_separator(self, tmp_path: Path, mark: str, word: str, quote: str) -> None:
        text = mark.join(f"{quote}{name}{quote}" for name in COLUMNS) + "\n"
        refusal(text_file(tmp_path, text), f"separated by {word}", "commas")

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [("shipmentid", "shipment_id"), ("load_date", "loading_date"), ("hs code", "hs_code"), ("qty_unit", "quantity_unit")],
    )  # fmt: skip
    def test_missing_required_column_with_a_look_alike(self, tmp_path: Path, wrong: str, right: str) -> None:
        record = {wrong if name == right else name: value for name, value in GOOD.items()}
        refusal(csv_file(tmp_path, [record]), f"required column {right} (did you mean {wrong}?) is missing")

    def test_missing_required_columns_without_look_alikes(self, tmp_path: Path) -> None:
        record = {name: value for name, value in GOOD.items() if name not in ("hs_code", "origin_country")}
        message = refusal(csv_file(tmp_path, [record]), "required column hs_code, origin_country is missing")
        assert "did you mean" not in message

    def test_a_known_column_is_not_taken_for_another(self, tmp_path: Path) -> None:
        record = {name: value for name, value in GOOD.items() if name != "destination_country"}
        assert "did you mean" not in refusal(csv_file(tmp_path, [record]), "destination_country")

    def test_duplicated_header(self, tmp_path: Path) -> None:
        refusal(text_file(tmp_path, f"{HEADER}, Value\n{line(GOOD)},1\n"), "names value more than once")

    def test_open_quote(self, tmp_path: Path) -> None:
        opened = line(GOOD).replace("Urals", '"Urals')
        text = f"{HEADER}\n{line(GOOD)}\n{opened}\n" + f"{line(GOOD)}\n" * 3
        refusal(text_file(tmp_path, text), "row 3 cannot be read as CSV", "every quote in it is closed")

    def test_text_after_a_closing_quote(self, tmp_path: Path) -> None:
        broken = line(GOOD).replace("Urals", '"Urals" blend')
        text = f"{HEADER}\n{broken}\n"
        refusal(text_file(tmp_path, text), "row 2 cannot be read as CSV", "doubled")

    @pytest.mark.parametrize("content", [b"no parquet at all", b"PAR1" + b"x" * 50 + b"PAR1"])
    def test_corrupt_parquet(self, tmp_path: Path, content: bytes) -> None:
        refusal(text_file(tmp_path, content, "cargoes.parquet"), "not readable as Parquet", "export it again")

    def test_cut_parquet(self, tmp_path: Path) -> None:
        pl.DataFrame(rows({})).write_parquet(tmp_path / "whole.parquet")
        content = (tmp_path / "whole.parquet").read_bytes()
        refusal(text_file(tmp_path, content[:-20], "cargoes.parquet"), "not readable as Parquet")

    def test_nested_parquet_column(self, tmp_path: Path) -> None:
        frame = pl.DataFrame(rows({})).with_columns(nexus=pl.lit(pl.Series([["US", "EU"]])))
        frame.write_parquet(tmp_path / "cargoes.parquet")
        refusal(tmp_path / "cargoes.parquet", "column nexus holds large_list", "text")

    def test_corrupt_xlsx(self, tmp_path: Path) -> None:
        refusal(text_file(tmp_path, "no workbook", "cargoes.xlsx"), "cannot be read as XLSX", "save it again")

    def test_cut_xlsx(self, tmp_path: Path) -> None:
        content = xlsx_file(tmp_path, COLUMNS, list(GOOD.values())).read_bytes()
        refusal(text_file(tmp_path, content[: len(content) // 2], "cargoes.xlsx"), "cannot be read as XLSX")

    def test_a_zip_that_is_no_workbook(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "cargoes.xlsx", "w") as archive:
            archive.writestr("a.txt", "a")
        refusal(tmp_path / "cargoes.xlsx", "cannot be read as XLSX")

    def test_unreadable_file(self, tmp_path: Path) -> None:
        path = csv_file(tmp_path, rows({}))
        path.chmod(0)
        with as_nobody():
            refusal(path, "cannot be opened (Permission denied)", "check its permissions")


DATES = {name for name in COLUMNS if name.endswith("_date")}
NUMBERS = {"quantity", "value", "freight_cost", "insurance_cost", "other_cost"}


def typed(record: dict[str, str]) -> list[object]:
    """A record as a spreadsheet or a database holds it."""

    def value(name: str, text: str) -> object:
        if not text:
            return None
        if name in DATES:
            return dt.date.fromisoformat(text)
        return float(text) if name in NUMBERS else text

    return [value(name, text) for name, text in record.items()]


class TestFormatsAgree:
    RECORDS = rows(
        {"hs_code": "2709"},
        {"hs_code": "2710", "value": "", "currency": "", "discharge_date": "", "vessel_imo": ""},
        {"hs_code": "27090010", "freight_cost": "0.1", "nexus": "", "grade": "Sakhalin Blend"},
    )

    def test_text_and_typed_cells_of_all_formats(self, tmp_path: Path) -> None:
        expected = read(csv_file(tmp_path, self.RECORDS)).accepted
        assert expected.height == 3

        pl.DataFrame(self.RECORDS).write_parquet(tmp_path / "text.parquet")
        assert read(tmp_path / "text.parquet").accepted.equals(expected)

        lines = [typed(record) for record in self.RECORDS]
        pl.DataFrame(lines, schema=TABLE.polars_schema(), orient="row").write_parquet(tmp_path / "typed.parquet")
        assert read(tmp_path / "typed.parquet").accepted.equals(expected)

        assert read(xlsx_file(tmp_path, COLUMNS, *lines)).accepted.equals(expected)
        assert read(xlsx_file(tmp_path, COLUMNS, *[list(r.values()) for r in self.RECORDS])).accepted.equals(expected)

    def test_codes_and_ids_stored_as_numbers(self, tmp_path: Path) -> None:
        numbers = {"hs_code": "2709", "vessel_imo": "9074729", "shipment_id": "17"}
        expected = read(csv_file(tmp_path, rows(numbers))).accepted
        frame = pl.DataFrame(rows(numbers))
        for dtype in (pl.Int64, pl.Int32, pl.Float64, pl.Decimal(12, 2)):
            frame.with_columns(pl.col(*numbers).cast(dtype)).write_parquet(tmp_path / "cargoes.parquet")
            assert read(tmp_path / "cargoes.parquet").accepted.equals(expected), dtype
        cells = [float(value) if name in numbers else value for name, value in rows(numbers)[0].items()]
        assert read(xlsx_file(tmp_path, COLUMNS, cells)).accepted.equals(expected)

    def test_the_same_fault_has_the_same_row_column_and_check(self, tmp_path: Path) -> None:
        records = rows({}, {"quantity": "many"}, {"loading_date": "soon"})
        pl.DataFrame(records).write_parquet(tmp_path / "cargoes.parquet")
        told = ["row_number", "shipment_id", "column", "check", "message", "raw_value", "raw_row"]
        expected = read(csv_file(tmp_path, records)).rejected.select(told)
        assert expected["row_number"].to_list() == [3, 4]
        assert read(tmp_path / "cargoes.parquet").rejected.select(told).equals(expected)
        workbook = xlsx_file(tmp_path, COLUMNS, *[list(record.values()) for record in records])
        assert read(workbook).rejected.select(told).equals(expected)


class TestParquet:
    def only(self, folder: Path, **columns: pl.Series) -> Intake:
        pl.DataFrame(rows({})).with_columns(**columns).write_parquet(folder / "cargoes.parquet")
        return read(folder / "cargoes.parquet")

    def test_typed_values_without_loss(self, tmp_path: Path) -> None:
        intake = self.only(
            tmp_path,
            loading_date=pl.Series([dt.datetime(2023, 2, 5)]),
            quantity=pl.Series([Decimal("1234.50")]),
            value=pl.Series([1e14]),
            freight_cost=pl.Series([1e-7]),
            other_cost=pl.Series([7]),
            incoterm=pl.Series(["CIF"], dtype=pl.Categorical),
            grade=pl.Series([None]),
        )
        accepted = intake.accepted.row(0, named=True)
        assert accepted["loading_date"] == dt.date(2023, 2, 5)
        assert (accepted["quantity"], accepted["value"]) == (1234.5, 1e14)
        assert (accepted["freight_cost"], accepted["other_cost"]) == (1e-7, 7.0)
        assert (accepted["incoterm"], accepted["grade"]) == ("CIF", None)

    @pytest.mark.parametrize(
        ("column", "value", "check", "shown"),
        [
            ("loading_date", dt.datetime(2023, 2, 5, 13, 30), "not_a_date", "2023-02-05 13:30"),
            ("quantity", float("nan"), "not_finite", "NaN"),
            ("value", float("inf"), "not_finite", "inf"),
            ("hs_code", 2710.2, "number_in_text", "2710.2"),  # 2710.20 or 2710.2000?
            ("grade", float("nan"), "number_in_text", "NaN"),
            ("quantity", True, "not_a_number", "true"),
        ],
    )
    def test_typed_values_that_lose_something(
        self, tmp_path: Path, column: str, value: object, check: str, shown: str
    ) -> None:
        bad = self.only(tmp_path, **{column: pl.Series([value])}).rejected.row(0, named=True)
        assert (bad["row_number"], bad["column"], bad["check"]) == (2, column, check)
        assert shown in bad["message"]

    def test_other_columns_may_hold_anything(self, tmp_path: Path) -> None:
        intake = self.only(tmp_path, Tags=pl.Series([["a", "b"]]), quantity=pl.Series(["x"]))
        assert intake.ignored_columns == ["tags"]
        assert "['a', 'b']" in intake.rejected["raw_row"][0]


class TestXlsx:
    def cells(self, **changes: object) -> list[object]:
        return list((dict(zip(COLUMNS, typed(GOOD), strict=True)) | changes).values())

    @pytest.mark.parametrize(
        ("column", "value", "check", "words"),
        [
            ("hs_code", 2710.2, "number_in_text", ("'2710.2'", "zeros at its end", "store it as text")),
            ("loading_date", dt.datetime(2023, 2, 5, 13, 30), "not_a_date", ("'2023-02-05 13:30:00'",)),
            ("quantity", "=1000*7.33", "formula_without_value", ("'=1000*7.33'", "without a stored result")),
            ("grade", '="Ur"&"als"', "formula_without_value", ("without a stored result", "by its value")),
            ("value", "#DIV/0!", "formula_error", ("'#DIV/0!' is the error of a formula",)),
            ("grade", "#N/A", "formula_error", ("mend the formula",)),
            ("quantity", True, "not_a_number", ("'TRUE' is not a number",)),
        ],
    )
    def test_one_bad_cell(self, tmp_path: Path, column: str, value: object, check: str, words: tuple[str, ...]) -> None:
        good = self.cells(shipment_id="S0")
        bad = only_rejected(xlsx_file(tmp_path, COLUMNS, good, self.cells(**{column: value})))
        assert (bad["row_number"], bad["column"], bad["check"]) == (3, column, check)
        for word in words:
            assert word in str(bad["message"])

    def test_a_stored_result_is_read_also_where_it_is_empty_text(self, tmp_path: Path) -> None:
        path = xlsx_file(tmp_path, COLUMNS, self.cells(quantity="=2*50", grade='=""'))
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        sheet = parts["xl/worksheets/sheet1.xml"].decode()
        # What a spreadsheet program adds when it computes: results, and the type of a text result.
        sheet, computed = re.subn(r"<f>2\*50</f><v ?/>", "<f>2*50</f><v>100</v>", sheet)
        sheet, blank = re.subn(r'<c r="(\w+)"><f>""</f><v ?/>', r'<c r="\1" t="str"><f>""</f><v></v>', sheet)
        assert (computed, blank) == (1, 1)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else content)
        accepted = read(path).accepted
        assert accepted.select("quantity", "grade").rows() == [(100.0, None)]

    def test_faults_in_other_columns_do_not_matter(self, tmp_path: Path) -> None:
        intake = read(xlsx_file(tmp_path, [*COLUMNS, "Note"], [*self.cells(), "=1/0"]))
        assert (intake.accepted.height, intake.ignored_columns) == (1, ["note"])

    def test_blank_rows_count_and_cells_beside_the_table_make_a_row_ragged(self, tmp_path: Path) -> None:
        first, second = self.cells(), self.cells(shipment_id="S2")
        path = xlsx_file(tmp_path, COLUMNS, [], first, [], [*second, None, "see mail"])
        bad = only_rejected(path)
        assert (bad["row_number"], bad["check"]) == (5, "ragged_row")
        assert str(bad["raw_row"]).endswith(",see mail")

    def test_only_the_first_sheet_is_read(self, tmp_path: Path) -> None:
        path = xlsx_file(tmp_path, COLUMNS, self.cells())
        workbook = openpyxl.load_workbook(path)
        workbook.create_sheet("notes").append(["anything"])
        workbook.save(path)
        assert read(path).rows_read == 1

    def test_short_rows_are_blank_at_the_end(self, tmp_path: Path) -> None:
        assert read(xlsx_file(tmp_path, COLUMNS, self.cells(other_cost=None, nexus=None))).accepted.height == 1


JUNK = st.one_of(
    st.sampled_from([*GOOD.values(), "", " ", "1,5", "NaN", "2023-02-30", "-1", ";", '"', "a\nb", "\r", "=1", "é"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.one_of(
            st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, JUNK)).map(
                lambda junk: list((GOOD | junk).values())
            ),
            st.lists(JUNK, max_size=len(COLUMNS) + 2),
        ),
        max_size=6,
    )
)
def test_every_row_is_accepted_or_rejected(tmp_path: Path, lines: list[list[str]]) -> None:
    path = tmp_path / "junk.csv"
    lines = [list(GOOD.values()), *lines]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *lines])
    intake = read(path)
    with_text = [number for number, cells in enumerate(lines, start=2) if any(cells)]
    assert intake.rows_read == len(with_text)
    assert set(intake.rejected["row_number"]) <= set(with_text)
    # A rejected row keeps its text, but for blanks after a comma.
    for bad in intake.rejected.iter_rows(named=True):
        kept = next(csv.reader(io.StringIO(bad["raw_row"], newline="")))
        assert kept == lines[bad["row_number"] - 2]
