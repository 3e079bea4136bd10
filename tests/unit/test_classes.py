"""From a customs code to the classes that a regime may see in it (J-19, J-20).

Here: codes with the class they must get, read off the annex and the US list by hand.
Add here: a code for each new way in which lists meet.
Keep out: prices and caps.
"""

import polars as pl
import pytest

from pipelines.rules.law import CONFIDENCE_OF_RANK
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.classes import class_options
from tests.support import shipment, verdict

CRUDE, PREMIUM, DISCOUNT = {"crude"}, {"premium_product"}, {"discount_product"}
EITHER = PREMIUM | DISCOUNT

CASES = [
    # The annex names eight-digit codes; the longest entry that begins the code counts.
    ("EU", "27101943", PREMIUM, "verified"),
    ("EU", "2710194300", PREMIUM, "verified"),
    ("EU", "27101962", DISCOUNT, "verified"),
    ("EU", "27101971", PREMIUM, "verified"),
    ("EU", "27101225", DISCOUNT, "verified"),
    ("EU", "2710999999", DISCOUNT, "verified"),  # waste oils stand there as six digits
    # A shorter code has a class only if all longer codes agree.
    ("EU", "2710", EITHER, None),
    ("EU", "27101", EITHER, None),
    ("EU", "271012", EITHER, None),
    ("EU", "271019", EITHER, None),
    ("EU", "271020", EITHER, None),
    ("EU", "2710194", PREMIUM, "verified"),  # 43, 46, 47, 48
    ("EU", "2710196", DISCOUNT, "verified"),  # 62, 66, 67
    ("EU", "2710197", EITHER, None),  # 71 premium, 75 discount
    ("EU", "27109", DISCOUNT, "verified"),  # 271091 and 271099
    ("EU", "271091", DISCOUNT, "verified"),
    # A full code that the annex does not name: nothing tells its class.
    ("EU", "27101299", EITHER, None),
    # Crude is crude everywhere.
    ("EU", "2709", CRUDE, "verified"),
    ("JP", "27090090", CRUDE, "verified"),
    ("US", "270900", CRUDE, "verified"),
    # Regimes without a list of their own take the annex; the UK's named groups were seen.
    ("UK", "27101943", PREMIUM, "verified"),
    *((regime, "27101943", PREMIUM, "unverified") for regime in ("JP", "CA", "AU", "NZ", "CH", "NO")),
    ("CH", "27101962", DISCOUNT, "unverified"),
    ("NO", "271019", EITHER, None),
    # The United States: its own premium list first, also against the annex (2710 12 15 is discount there).
    ("US", "27101215", PREMIUM, "verified"),
    ("US", "2710121510", PREMIUM, "verified"),
    ("US", "27101925", PREMIUM, "verified"),
    ("US", "2710191102", PREMIUM, "verified"),
    # A full code outside it takes its class in the annex,
    ("US", "2710191109", PREMIUM, "unverified"),
    ("US", "27101943", PREMIUM, "unverified"),
    ("US", "27101225", DISCOUNT, "unverified"),
    ("US", "27101962", DISCOUNT, "unverified"),
    ("US", "27109900", DISCOUNT, "unverified"),
    # and in neither list it is discount.
    ("US", "27102055", DISCOUNT, "unverified"),
    ("US", "27101200", DISCOUNT, "unverified"),
    # A shorter one may be a premium code or an unlisted one.
    ("US", "2710", EITHER, None),
    ("US", "271012", EITHER, None),
    ("US", "271019", EITHER, None),
    ("US", "271020", EITHER, None),
    # J-20: fuel oils stand in the reported premium list.
    ("US", "27101906", EITHER, "conflict"),
    ("US", "2710190600", EITHER, "conflict"),
]


@pytest.fixture(scope="module")
def options(book: Rulebook) -> dict[tuple[str, str], tuple[set[str], str]]:
    codes = pl.LazyFrame({"hs_code": [code for _, code, _, _ in CASES] + ["271121", "3901"]})
    rows = class_options(codes, book).collect().to_dicts()
    keys = [(row["regime"], row["hs_code"]) for row in rows]
    assert len(keys) == len(set(keys))
    return {
        key: (set(row["class_key"].split("|")), CONFIDENCE_OF_RANK[row["class_rank"]])
        for key, row in zip(keys, rows, strict=True)
    }


@pytest.mark.parametrize(
    ("regime", "code", "classes", "confidence"), CASES, ids=lambda part: part if isinstance(part, str) else ""
)
def test_class_of_a_code(
    options: dict[tuple[str, str], tuple[set[str], str]],
    regime: str,
    code: str,
    classes: set[str],
    confidence: str | None,
) -> None:
    given, how_sure = options[regime, code]
    assert given == classes
    if confidence is not None:
        assert how_sure == confidence


def test_a_short_code_that_only_unlisted_codes_share_is_unverified(book: Rulebook) -> None:
    codes = pl.LazyFrame({"hs_code": ["271091"]})
    (row,) = class_options(codes, book).filter(pl.col("regime") == "US").collect().to_dicts()
    assert (row["class_key"], CONFIDENCE_OF_RANK[row["class_rank"]]) == ("discount_product", "unverified")


def test_other_headings_have_no_class(options: dict[tuple[str, str], tuple[set[str], str]]) -> None:
    assert not {code for _, code in options} & {"271121", "3901"}


@pytest.mark.parametrize(
    ("usd_per_bbl", "expected"), [(100.01, "above_cap"), (70, "indeterminate"), (45, "within_cap")]
)
def test_an_open_class_matters_only_between_the_caps(
    book: Rulebook, reference: Reference, usd_per_bbl: float, expected: str
) -> None:
    # Premium products have a cap of 100, discount products one of 45.
    row = shipment(nexus="EU", hs_code="271019", grade=None, value=usd_per_bbl * 700_000)
    given = verdict(row, book, reference)
    assert given["verdict"] == expected
    assert given["product_class"] is given["cap_usd_per_bbl"] is given["cap_id"] is None
    assert ("class_open" in given["reason_codes"]) == (expected == "indeterminate")


def test_a_class_in_conflict_is_told(book: Rulebook, reference: Reference) -> None:
    row = shipment(nexus="US", hs_code="2710190625", grade=None, value=70 * 700_000.0)
    given = verdict(row, book, reference)
    assert (given["verdict"], given["confidence"]) == ("indeterminate", "conflict")
    assert given["product_class"] is given["cap_usd_per_bbl"] is None
    assert "class_in_conflict" in given["reason_codes"]
