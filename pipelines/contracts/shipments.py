"""Contract of declared shipments: what a row of a shipments file must look like once it is read.

Here: the columns of the file, their vocabularies, and the checks across columns.
Add here: a column of the file or a check on a row.
Keep out: how files are read (see `pipelines.sources.shipments_file`) and every vocabulary that is law or
reference data: regimes, units and incoterms are handed in.
"""

from collections.abc import Iterable
from functools import cache

import polars as pl

from pipelines.contracts.rules import PROVIDER_MEANING
from pipelines.contracts.table import Column, FrameCheck, Table

TRANSPORT_MODES = ("sea", "pipeline", "rail", "road")
IMO_NUMBER = r"[1-9][0-9]{6}"
UN_LOCODE = r"[A-Z]{2}[A-Z0-9]{3}"

# A binary sum of costs can fall a hair short of a value that it equals in decimals (0.1 + 0.7 < 0.8).
_ROUNDING = 1e-12


def declared_shipments(regimes: Iterable[str], units: Iterable[str], incoterms: Iterable[str]) -> Table:
    """The declared-shipments table for these regime codes, quantity units and incoterms."""
    countries, currencies = country_codes(), _currencies()
    regimes = tuple(regimes)
    return Table(
        schema="input",
        name="declared_shipments",
        grain="one row per cargo",
        key=("shipment_id",),
        columns=(
            Column("shipment_id", pl.String(), "id of the shipment, unique in the file", required=True),
            Column("contract_date", pl.Date(), "day the sale contract was concluded"),
            Column("loading_date", pl.Date(), "day of loading: the date of the bill of lading", required=True),
            Column("discharge_date", pl.Date(), "day of discharge"),
            Column(
                "hs_code",
                pl.String(),
                "HS, CN or HTSUS code of 4 to 10 digits (dots and blanks are taken out)",
                required=True,
                pattern=r"[0-9]{4,10}",
            ),
            Column("grade", pl.String(), "grade of the oil, such as Urals, ESPO or Sakhalin Blend"),
            Column(
                "origin_country",
                pl.String(),
                "country of origin of the oil, not of the port, as two-letter ISO 3166 code (such as RU, KZ)",
                required=True,
                allowed=countries,
            ),
            Column("origin_project", pl.String(), "project the oil comes from, such as SAKHALIN-2 or CPC"),
            Column(
                "loading_port",
                pl.String(),
                "port of loading as UN/LOCODE: two letters for the country and three letters or digits",
                pattern=UN_LOCODE,
            ),
            Column(
                "discharge_port",
                pl.String(),
                "port of discharge as UN/LOCODE: two letters for the country and three letters or digits",
                pattern=UN_LOCODE,
            ),
            Column(
                "destination_country",
                pl.String(),
                "country of destination as two-letter ISO 3166 code (such as JP, and GB, not UK)",
                required=True,
                allowed=countries,
            ),
            Column(
                "transport_mode",
                pl.String(),
                "how the cargo travels (sea where the file does not say)",
                allowed=TRANSPORT_MODES,
            ),
            Column(
                "vessel_imo",
                pl.String(),
                "IMO number of the vessel: seven digits, of which the last is a check digit",
                pattern=IMO_NUMBER,
            ),
            Column("vessel_name", pl.String(), "name of the vessel"),
            Column(
                "quantity",
                pl.Float64(),
                "quantity of the cargo",
                unit="quantity_unit",
                required=True,
                above=0,
            ),
            Column("quantity_unit", pl.String(), "unit of the quantity", required=True, allowed=tuple(units)),
            Column("value", pl.Float64(), "total invoice value (empty: not priced)", unit="currency", above=0),
            Column(
                "currency",
                pl.String(),
                "currency of value and costs as three-letter ISO 4217 code (such as USD)",
                allowed=currencies,
            ),
            Column(
                "incoterm",
                pl.String(),
                "delivery term of the price (FOB where the file does not say)",
                allowed=tuple(incoterms),
            ),
            Column("freight_cost", pl.Float64(), "freight contained in the value", unit="currency", at_least=0),
            Column(
                "insurance_cost",
                pl.Float64(),
                "insurance contained in the value",
                unit="currency",
                at_least=0,
            ),
            Column(
                "other_cost",
                pl.Float64(),
                "other ancillary costs contained in the value",
                unit="currency",
                at_least=0,
            ),
            Column(
                "nexus",
                pl.String(),
                "regimes whose services touch the cargo, separated by semicolons (empty: every regime)",
            ),
            *(Column(role, pl.String(), meaning, allowed=countries) for role, meaning in PROVIDER_MEANING.items()),
        ),
        checks=(
            FrameCheck(
                "discharge_not_before_loading",
                "discharge_date must be the loading_date or a later day",
                "discharge_date",
                pl.any_horizontal(
                    pl.col("discharge_date").is_null(),
                    pl.col("loading_date").is_null(),  # reported as such
                    pl.col("discharge_date") >= pl.col("loading_date"),
                ),
            ),
            FrameCheck(
                "value_needs_currency",
                "a value needs its currency",
                "currency",
                pl.col("value").is_null() | pl.col("currency").is_not_null(),
            ),
            FrameCheck(
                "costs_below_value",
                "freight, insurance and other costs are contained in the value and together must be below it",
                "value",
                # Costs without a value say nothing: the cargo is not priced, and the row is good.
                pl.col("value").is_null()
                | (pl.col("value") <= 0)  # reported as such
                | (
                    pl.sum_horizontal("freight_cost", "insurance_cost", "other_cost")
                    < pl.col("value") * (1 - _ROUNDING)
                ),
            ),
            FrameCheck(
                "imo_check_digit",
                "the last digit of vessel_imo must agree with the first six, so look for a slip of the pen",
                "vessel_imo",
                imo_check_digit_holds(pl.col("vessel_imo")),
            ),
            FrameCheck(
                "nexus_regimes",
                f"nexus must hold regime codes separated by semicolons, out of {', '.join(regimes)}",
                "nexus",
                pl.col("nexus").is_null()
                | pl.col("nexus").str.split(";").list.eval(pl.element().is_in(regimes)).list.all(),
            ),
        ),
    )


def imo_check_digit_holds(imo: pl.Expr) -> pl.Expr:
    """True where the digits times 7, 6, ... 2 add up to a number that ends in the seventh digit.

    Also true where there are no seven digits to look at: that is for the pattern to report.
    """
    number = imo.cast(pl.Int64, strict=False)
    weighted = pl.sum_horizontal((number // 10 ** (weight - 1) % 10) * weight for weight in range(7, 1, -1))
    return imo.is_null() | ~imo.str.contains(f"^{IMO_NUMBER}$") | (weighted % 10 == number % 10)


@cache
def country_codes() -> tuple[str, ...]:
    import pycountry

    return tuple(sorted(country.alpha_2 for country in pycountry.countries))


@cache
def _currencies() -> tuple[str, ...]:
    import pycountry

    return tuple(sorted(currency.alpha_3 for currency in pycountry.currencies))
