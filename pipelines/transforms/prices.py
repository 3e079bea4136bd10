"""From a declared value to the price of the oil itself, in US dollars a barrel, as a range.

Here: units by density (J-15), currency by dated rate (J-14), incoterms less costs (J-16, J-17).
Add here: another conversion that a price needs; say in `price_basis` or `price_notes` that it was made.
Keep out: caps and verdicts, and the figures themselves (`data/reference`, `data/figures`).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipelines.batches import Differences, at_once, in_batches, looked_up, taken
from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.reference import PriceReference
from pipelines.names import normalised, normalised_expr
from pipelines.sources.reference import grade_names

CRUDE_HEADING, PRODUCT_HEADING = "2709", "2710"
# A reference rate is carried over week-ends and holidays; the longest closing is Easter's.
LONGEST_CLOSING_DAYS = 7
# Freight moves fast: points further away than this say little about a voyage.
FREIGHT_WINDOW_DAYS = 180
# J-13: more than the rounding of doubles, less than a cent on any cargo.
RELATIVE_TOLERANCE = 1e-12


# What names, densities and terms of sale follow from: few cargoes differ in it.
DESCRIPTION = ("hs_code", "grade", "origin_project", "quantity_unit", "incoterm", "destination_country")
COSTS = ("freight_cost", "insurance_cost", "other_cost")
# What a price follows from.
PRICED_BY = (*DESCRIPTION, *COSTS, "loading_first", "quantity", "value", "currency")
# What pricing finds; a cargo brings the rest along.
FOUND = (
    *("grade_key", "project_key", "bbl_per_unit_low", "bbl_per_unit", "bbl_per_unit_high", "bbl_basis"),
    *("quantity_bbl", "itemised_costs", "usd_per_unit_of_currency", "rate_date", "rate_basis"),
    *("estimated_costs_high_usd_per_bbl", "price_usd_per_bbl", "price_low_usd_per_bbl", "price_high_usd_per_bbl"),
    *("is_price_above_low", "price_tolerance_usd_per_bbl", "price_basis", "price_notes"),
)


def price_shipments(
    shipments: pl.LazyFrame,
    reference: PriceReference,
    evidence_source: pl.Expr,
    columns: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """Declared shipments as cargoes of `CARGOES`, one row each.

    shipments: `pipelines.contracts.shipments.declared_shipments`. evidence_source: the file they
    come from. columns: those of `CARGOES` that are wanted; None: all.
    """
    cargoes = shipments.with_columns(
        evidence_kind=pl.lit("declared_shipment"),
        evidence_source=evidence_source,
        loading_first=pl.col("loading_date"),
        loading_last=pl.col("loading_date"),
        discharge_first=pl.col("discharge_date"),
        discharge_last=pl.col("discharge_date"),
    )
    return priced(cargoes, reference, columns)


def priced(cargoes: pl.LazyFrame, reference: PriceReference, columns: Sequence[str] | None = None) -> pl.LazyFrame:
    """Adds names, barrels, exchange rate and price range; returns the columns of `CARGOES`, or those wanted of them.

    cargoes: the descriptive columns of `CARGOES` plus freight_cost, insurance_cost, other_cost in `currency`.
    """
    types = CARGOES.polars_schema()
    schema = types if columns is None else pl.Schema({name: types[name] for name in columns})
    brought = [name for name in schema.names() if name not in FOUND]
    given = cargoes.select(*dict.fromkeys([*brought, *PRICED_BY]))
    return in_batches(given, schema, lambda: _Pricing(reference).priced)


class _Pricing:
    """Pricing at work on one batch after another: what descriptions were met so far, and what follows from them."""

    def __init__(self, reference: PriceReference) -> None:
        self._reference = reference
        self._rates, self._freights = _rates(reference), _freight_of_routes(reference)
        self._highest_insurance = highest_freights(reference.freight_points).insurance
        self._descriptions = Differences(DESCRIPTION)
        self._described = pl.DataFrame()

    def priced(self, cargoes: pl.DataFrame) -> pl.DataFrame:
        """A batch of cargoes with the columns of `FOUND`."""
        numbers, new = self._descriptions.numbers(cargoes)
        if new.height:
            self._described = pl.concat([self._described, self._described_anew(new)], how="diagonal", rechunk=True)
        described = cargoes.hstack(taken(self._described, numbers))
        with_rate = _with_rate(described, self._rates)
        return _with_price(_with_costs(with_rate, self._freights, self._highest_insurance))

    def _described_anew(self, descriptions: pl.DataFrame) -> pl.DataFrame:
        """What follows from these descriptions, in their order."""
        named = with_names(descriptions.lazy().with_row_index("place"), self._reference.grades)
        described = _with_terms(_with_factors(named, self._reference), self._reference)
        return described.sort("place").drop("place", *DESCRIPTION).pipe(at_once)


def with_names(cargoes: pl.LazyFrame, grades: pl.DataFrame) -> pl.LazyFrame:
    """Adds `grade_key` and `project_key`: names as they are compared, aliases resolved."""
    keys = {spelling: normalised(grade) for spelling, grade in grade_names(grades).items()}
    bare = normalised_expr(pl.col("grade"))
    return cargoes.with_columns(
        grade_key=bare.replace(keys),
        project_key=normalised_expr(pl.col("origin_project")),
    )


def bbl_per_t_of_crude(units: pl.DataFrame) -> pl.Expr:
    """Barrels per tonne from a density column, t/m3 (J-15)."""
    bbl_per_m3 = units.filter(pl.col("unit") == "m3")["bbl_per_unit"].item()
    return pl.lit(bbl_per_m3) / pl.col("density_t_per_m3")


def with_barrels(cargoes: pl.LazyFrame, reference: PriceReference) -> pl.LazyFrame:
    """Adds bbl_per_unit_low, bbl_per_unit, bbl_per_unit_high, bbl_basis, quantity_bbl (J-15).

    cargoes: hs_code, grade_key, quantity, quantity_unit. Null where the unit or the heading has no factor.
    """
    return _with_factors(cargoes, reference).with_columns(quantity_bbl=pl.col("quantity") * pl.col("bbl_per_unit"))


def _with_factors(cargoes: pl.LazyFrame, reference: PriceReference) -> pl.LazyFrame:
    """Adds bbl_per_unit_low, bbl_per_unit, bbl_per_unit_high, bbl_basis by hs_code, grade_key and quantity_unit."""
    spread = pl.col("range_pct").fill_null(0.0) / 100
    factors = reference.grades.with_columns(
        factor=pl.coalesce("bbl_per_t", bbl_per_t_of_crude(reference.units)),
        grade_key=pl.col("grade").map_elements(normalised, return_dtype=pl.String),
    ).with_columns(low=pl.col("factor") * (1 - spread), high=pl.col("factor") * (1 + spread))
    crude = factors.filter(pl.col("kind") == "crude")
    product = factors.filter(pl.col("kind") == "product")
    generic = factors.filter(pl.col("kind") == "generic_crude")
    is_crude = pl.col("hs_code").str.starts_with(CRUDE_HEADING)
    # Other headings, such as gas and bitumen, have no factor here.
    is_oil = is_crude | pl.col("hs_code").str.starts_with(PRODUCT_HEADING)
    by_name = pl.concat([crude.with_columns(heading_is_crude=True), product.with_columns(heading_is_crude=False)])
    by_name = by_name.select("grade_key", "heading_is_crude", name_low="low", name_factor="factor", name_high="high")
    by_code = (
        product.select(
            pl.col("hs_prefixes").str.split(";").alias("prefix"),
            code_low="low",
            code_factor="factor",
            code_high="high",
        )
        .explode("prefix")
        .drop_nulls("prefix")
    )
    any_product = {
        "low": product["low"].min(),
        "factor": (product["low"].min() + product["high"].max()) / 2,  # type: ignore[operator]
        "high": product["high"].max(),
    }
    any_crude = {"low": crude["low"].min(), "factor": generic["factor"].item(), "high": crude["high"].max()}

    def per_tonne(end: str) -> pl.Expr:
        unknown = pl.when("heading_is_crude").then(pl.lit(any_crude[end])).otherwise(pl.lit(any_product[end]))
        return pl.when(is_oil).then(pl.coalesce(f"name_{end}", f"code_{end}", unknown))

    is_volume = pl.col("unit_bbl").is_not_null()
    ends = {"bbl_per_unit_low": "low", "bbl_per_unit": "factor", "bbl_per_unit_high": "high"}
    units = reference.units.select(quantity_unit="unit", unit_bbl="bbl_per_unit", unit_t="t_per_unit")
    return (
        cargoes.with_columns(heading_is_crude=is_crude, prefix=pl.col("hs_code").str.head(8))
        .join(units.lazy(), on="quantity_unit", how="left")
        .join(by_name.lazy(), on=["grade_key", "heading_is_crude"], how="left")
        .join(by_code.lazy(), on="prefix", how="left")
        .with_columns(
            bbl_basis=pl.when(is_volume)
            .then(pl.lit("volume"))
            .when(pl.col("unit_t").is_null() | ~is_oil)
            .then(None)
            .when(pl.col("name_factor").is_not_null())
            .then(pl.lit("density_of_grade"))
            .when(pl.col("code_factor").is_not_null())
            .then(pl.lit("density_of_code"))
            .otherwise(pl.lit("density_unknown")),
            **{
                name: pl.when(is_volume).then("unit_bbl").otherwise(per_tonne(end) * pl.col("unit_t"))
                for name, end in ends.items()
            },
        )
    )


def _with_rate(cargoes: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Adds usd_per_unit_of_currency, rate_date, rate_basis by the loading day (J-14)."""
    known = looked_up(
        cargoes.select("currency", rate_day="loading_first"), rates.select("currency", "rate_day", "place")
    )
    places = cargoes.select(pl.when(pl.col("currency") == "USD").then(_DOLLAR).otherwise(known["place"])).to_series()
    return cargoes.hstack(taken(rates.select("usd_per_unit_of_currency", "rate_date", "rate_basis"), places))


# The place of the dollar among the rates.
_DOLLAR = 0


def _rates(reference: PriceReference) -> pl.DataFrame:
    """What a currency is worth in dollars on a day: the daily rate, and the monthly mean where there is none.

    currency, rate_day, usd_per_unit_of_currency, rate_date, rate_basis, place (of the row); first the dollar itself,
    without a day.
    """
    first = pl.col("rate_month").add("-01").str.to_date()
    monthly = monthly_rates(reference.exchange_rates_monthly).select(
        "currency",
        monthly_date=first,
        monthly_rate="monthly_rate",
        rate_day=pl.date_ranges(first, first.dt.month_end()),
    )
    daily = daily_rates(reference.exchange_rates_daily)
    is_daily = pl.col("daily_rate").is_not_null()
    found = (
        monthly.explode("rate_day")
        .join(daily, on=["currency", "rate_day"], how="full", coalesce=True)
        .select(
            "currency",
            "rate_day",
            usd_per_unit_of_currency=pl.coalesce("daily_rate", "monthly_rate"),
            rate_date=pl.coalesce("daily_rate_date", "monthly_date"),
            rate_basis=pl.when(is_daily).then(pl.lit("ecb_reference_rate")).otherwise(pl.lit("fed_monthly_mean")),
        )
    )
    dollar = pl.DataFrame({"currency": ["USD"], "usd_per_unit_of_currency": [1.0], "rate_basis": ["us_dollar"]})
    return pl.concat([dollar, found], how="diagonal").with_columns(place=pl.int_range(pl.len()))


def daily_rates(rates: pl.DataFrame) -> pl.DataFrame:
    """currency, rate_day, daily_rate, daily_rate_date for every day, carried over closings."""
    dollar = rates.filter(pl.col("currency") == "USD").select("rate_date", usd_per_eur="units_per_eur")
    euro = dollar.select("rate_date", currency=pl.lit("EUR"), units_per_eur=pl.lit(1.0))
    crossed = (
        pl.concat([rates.select("rate_date", "currency", "units_per_eur"), euro])
        .join(dollar, on="rate_date", how="inner")
        .select("currency", "rate_date", daily_rate=pl.col("usd_per_eur") / pl.col("units_per_eur"))
    )
    carried = pl.DataFrame({"carry": range(LONGEST_CLOSING_DAYS + 1)})
    return (
        crossed.join(carried, how="cross")
        .with_columns(rate_day=pl.col("rate_date") + pl.duration(days="carry"))
        .sort("currency", "rate_day", "carry")
        .group_by("currency", "rate_day", maintain_order=True)
        .agg(pl.col("daily_rate").first(), daily_rate_date=pl.col("rate_date").first())
    )


def monthly_rates(rates: pl.DataFrame) -> pl.DataFrame:
    """currency, rate_month, monthly_rate."""
    return rates.select("currency", rate_month="month", monthly_rate=1 / pl.col("units_per_usd"))


def _with_terms(cargoes: pl.LazyFrame, reference: PriceReference) -> pl.LazyFrame:
    """Adds what the incoterm contains, and the route by which freight is looked up, empty where none has points.

    top_at_other_times, away from the days of all points: the most of the route, or of any, USD/bbl.
    """
    terms = reference.incoterms.lazy().drop("note")
    tops = highest_freights(reference.freight_points)
    of_routes = {route: top for route, top in tops.by_route.items() if route}
    is_route = pl.col("destination_country").is_in(list(of_routes)).fill_null(False)
    return cargoes.join(terms, on="incoterm", how="left").with_columns(
        freight_route=pl.when(is_route).then("destination_country").otherwise(pl.lit("")),
        top_at_other_times=pl.col("destination_country").replace_strict(
            of_routes, default=tops.of_all, return_dtype=pl.Float64
        ),
    )


def _with_costs(cargoes: pl.DataFrame, freights: pl.DataFrame, highest_insurance: float | None) -> pl.DataFrame:
    """Adds itemised_costs in `currency`, and the most that missing costs may come to, per barrel."""
    needs_freight = pl.col("contains_freight") & pl.col("freight_cost").is_null()
    needs_insurance = pl.col("contains_insurance") & pl.col("insurance_cost").is_null()
    costs = [pl.col(cost).fill_null(0.0) for cost in COSTS]
    day = pl.when(needs_freight).then("loading_first")
    found = looked_up(cargoes.select("freight_route", freight_day=day), freights)
    return cargoes.hstack(found).with_columns(
        itemised_costs=sum(costs[1:], costs[0]),
        has_itemised_costs=pl.any_horizontal(pl.col(cost).is_not_null() for cost in COSTS),
        lacks_costs=(needs_freight | needs_insurance).fill_null(False),
        estimated_costs_high_usd_per_bbl=pl.when(needs_freight)
        .then(pl.coalesce("top", "top_at_other_times"))
        .otherwise(0.0)
        + pl.when(needs_insurance).then(pl.lit(highest_insurance, pl.Float64)).otherwise(0.0),
    )


def _freight_of_routes(reference: PriceReference) -> pl.DataFrame:
    """freight_route (empty: any), freight_day, top."""
    freight = reference.freight_points.filter(pl.col("component") == "freight")
    named = freight_by_day(freight.drop_nulls("destination_country"), "destination_country")
    any_route = freight_by_day(freight).select(pl.lit("").alias("freight_route"), "freight_day", "top")
    return pl.concat([named.rename({"destination_country": "freight_route"}), any_route])


_TOP = pl.coalesce("high_usd_per_bbl", "low_usd_per_bbl")


@dataclass(frozen=True)
class HighestFreights:
    """The highest freight ever seen on each route and on any, and the highest insurance, USD/bbl."""

    by_route: dict[str, float]
    of_all: float | None
    insurance: float | None


def highest_freights(points: pl.DataFrame) -> HighestFreights:
    """What freights of `FREIGHT_POINTS` come to at most, whatever the day."""
    tops = points.select("component", "destination_country", top=_TOP)
    freight = tops.filter(pl.col("component") == "freight")
    return HighestFreights(
        dict(freight.group_by("destination_country", maintain_order=True).agg(pl.col("top").max()).iter_rows()),
        freight.select(pl.col("top").max()).item(),
        tops.filter(pl.col("component") == "insurance").select(pl.col("top").max()).item(),
    )


def freight_by_day(freight: pl.DataFrame, *route: str) -> pl.DataFrame:
    """The highest freight of the points within reach of each day, by route: route columns, freight_day, top."""
    reach = dt.timedelta(days=FREIGHT_WINDOW_DAYS)
    days = freight.with_columns(
        top=_TOP,
        freight_day=pl.date_ranges(pl.col("first_date") - reach, pl.col("last_date") + reach),
    ).explode("freight_day")
    return days.group_by(*route, "freight_day").agg(pl.col("top").max())


def net_usd() -> pl.Expr:
    """What was paid for the oil itself, US dollars."""
    return (pl.col("value") - pl.col("itemised_costs")) * pl.col("usd_per_unit_of_currency")


def price_range() -> dict[str, pl.Expr]:
    """Both ends of the price and the tolerance of its comparison, USD/bbl, from the parts that a cargo keeps."""
    least, most = (pl.col("quantity") * pl.col(f"bbl_per_unit_{end}") for end in ("low", "high"))
    low = net_usd() / most - pl.col("estimated_costs_high_usd_per_bbl")
    tolerance = RELATIVE_TOLERANCE * pl.col("value") * pl.col("usd_per_unit_of_currency") / least
    return {
        "price_low_usd_per_bbl": pl.max_horizontal(low, 0.0 * low),
        "price_high_usd_per_bbl": net_usd() / least,
        "price_tolerance_usd_per_bbl": tolerance.fill_null(0.0),
    }


_BASES = pl.Series(["cif_less_estimated_freight", "invoice_less_itemised_costs", "invoice_fob"])


def _with_price(cargoes: pl.DataFrame) -> pl.DataFrame:
    """Adds the price range, its basis and its notes."""
    rate = pl.col("usd_per_unit_of_currency")
    quantity_bbl = pl.col("quantity") * pl.col("bbl_per_unit")
    point = net_usd() / pl.col("quantity_bbl")
    is_priced = pl.col("price_high_usd_per_bbl").is_not_null()
    notes = {
        "no_exchange_rate": pl.col("value").is_not_null() & rate.is_null(),
        "costs_estimated": is_priced & pl.col("lacks_costs"),
        "density_range": is_priced & (pl.col("bbl_per_unit_low") != pl.col("bbl_per_unit_high")),
        "monthly_exchange_rate": is_priced & (pl.col("rate_basis") == "fed_monthly_mean"),
    }
    basis = pl.when("lacks_costs").then(0).when("has_itemised_costs").then(1).otherwise(2)
    # Texts and lists are slow to put together: the few there are are taken by their number.
    choice = pl.sum_horizontal(
        noted.fill_null(False).cast(pl.Int64) * 2**place for place, noted in enumerate(notes.values())
    )
    lists = [
        [code for place, code in enumerate(notes) if number >> place & 1]
        for number in range(2 ** len(notes))
    ]  # fmt: skip
    listed = pl.Series(lists, dtype=pl.List(pl.String()))
    return cargoes.with_columns(
        **price_range(), quantity_bbl=quantity_bbl, is_price_above_low=pl.lit(False)
    ).with_columns(
        price_usd_per_bbl=pl.when("lacks_costs")
        .then((pl.col("price_low_usd_per_bbl") + pl.col("price_high_usd_per_bbl")) / 2)
        .otherwise(point),
        price_basis=pl.lit(_BASES).gather(pl.when(is_priced).then(basis)),
        price_notes=pl.lit(listed).gather(choice),
    )
