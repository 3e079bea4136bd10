"""How the price of a cargo came about, sentence by sentence.

Here: value, costs, currency, barrels, estimated costs and the range that they leave.
Add here: the words for a new conversion or price basis.
Keep out: the conversions themselves (see `pipelines.transforms.prices`) and caps.
"""

import datetime as dt
from typing import Any

import polars as pl

from pipelines.names import normalised
from pipelines.report.wording import amount, cite, listing, per_barrel, span
from pipelines.sources.reference import Reference
from pipelines.transforms.estimates import BASIS, differentials
from pipelines.transforms.prices import CRUDE_HEADING

Row = dict[str, Any]

BASES = {
    "invoice_fob": "the invoice, which contains no costs",
    "invoice_less_itemised_costs": "the invoice less the itemised costs",
    "cif_less_estimated_freight": "the invoice less estimated costs",
    "customs_unit_value": "the customs value per barrel",
}


def price_steps(cargo: Row, reference: Reference) -> list[str]:
    """The sentences, in the order of the conversion. cargo: a row of `CARGOES`. Sources are cited in brackets."""
    if cargo["evidence_kind"] == "enforcement_case":
        return _released(cargo, reference)
    if cargo["price_basis"] == BASIS:
        return [*_benchmark(cargo, reference), *_barrels(cargo, reference)]
    if cargo["value"] is None:
        return ["No value is known, so the cargo is unpriced.", *_barrels(cargo, reference)]
    return [
        *_value(cargo, reference),
        _rate(cargo, reference),
        *_barrels(cargo, reference),
        *_estimate(cargo, reference),
        *_result(cargo, reference),
    ]


def _benchmark(cargo: Row, reference: Reference) -> list[str]:
    """The estimate of `pipelines.transforms.estimates`, in words."""
    found = differentials(reference.crude_prices_monthly, reference.crude_price_points)
    grade = found.filter(pl.col("grade").map_elements(normalised, return_dtype=pl.String) == cargo["grade_key"])
    distance = grade.row(0, named=True)
    points = reference.crude_price_points.filter(pl.col("grade") == distance["grade"])
    sources = ", ".join(sorted(set(points["source"])))
    return [
        f"No value is known; the price is estimated from the benchmark {distance['benchmark']} of the loading month "
        "and the months beside it.",
        f"{distance['grade']} was published between {distance['differential_low']:.2f} and "
        f"{distance['differential_high']:.2f} USD/bbl of that benchmark ({points.height} prices) [{sources}].",
        f"The estimate: between {cargo['price_low_usd_per_bbl']:.2f} and {cargo['price_high_usd_per_bbl']:.2f} "
        "USD/bbl; only a range that lies above the cap as a whole is above it.",
    ]


def _released(cargo: Row, reference: Reference) -> list[str]:
    case = _find(reference.enforcement_cases, case_id=cargo["shipment_id"])
    wording = f', in its words: "{case["price_wording"]}"' if case else ""
    return [
        f"The price is that of the release {cite(cargo['evidence_source'])}{wording}. Nothing was converted.",
        f"The price of the oil itself: {price_range(cargo)}.",
    ]


def price_range(cargo: Row) -> str:
    """The bounds of a price, of which at least one is known."""
    low, high = cargo["price_low_usd_per_bbl"], cargo["price_high_usd_per_bbl"]
    if high is None:
        return f"{'above' if cargo['is_price_above_low'] else 'at least'} {per_barrel(low)} USD/bbl"
    if low is None:
        return f"at most {per_barrel(high)} USD/bbl"
    return f"between {per_barrel(low)} and {per_barrel(high)} USD/bbl"


def _value(cargo: Row, reference: Reference) -> list[str]:
    currency, incoterm = cargo["currency"], cargo["incoterm"]
    kind = "Customs" if cargo["evidence_kind"] == "customs_flow" else "Invoice"
    term = _find(reference.incoterms, incoterm=incoterm)
    # FOB is what the cap is about; every other term is brought to it.
    meaning = f". {term['note'].rstrip('.')} (J-17)" if term and incoterm != "FOB" else ""
    costs = (
        f"Itemised costs of {currency} {amount(cargo['itemised_costs'])} are contained in it and are subtracted (J-16)."
        if cargo["itemised_costs"]
        else "No costs are itemised."
    )
    return [
        f"{kind} value {currency} {amount(cargo['value'])}, {incoterm}{meaning}.",
        costs,
    ]


def _rate(cargo: Row, reference: Reference) -> str:
    currency, basis, rate = cargo["currency"], cargo["rate_basis"], cargo["usd_per_unit_of_currency"]
    if basis == "us_dollar":
        return "The value is in US dollars: no exchange rate is used."
    if rate is None:
        return f"No exchange rate of {currency} near the loading day is known: the value cannot be converted (J-14)."
    result = f"1 {currency} = {rate:.6g} USD (J-14)"
    if basis == "fed_monthly_mean":
        month = f"{cargo['rate_date']:%Y-%m}"
        row = _find(reference.exchange_rates_monthly, month=month, currency=currency)
        source = f" {cite(row['source'])}" if row else ""
        return f"Federal Reserve's mean of {month}, as no daily rate is known for the loading day{source}: {result}."
    rates = reference.exchange_rates_daily.filter(pl.col("rate_date") == cargo["rate_date"])
    quotes = {row["currency"]: row for row in rates.iter_rows(named=True)}
    legs = [f"{quotes[code]['units_per_eur']:g} {code}" for code in (currency, "USD") if code in quotes]
    source = f" {cite(quotes['USD']['source'])}" if "USD" in quotes else ""
    day = _rate_day(cargo["rate_date"], cargo["loading_first"])
    quoted = f"1 EUR = {' = '.join(legs)}"
    outcome = f"{quoted} (J-14)" if currency == "EUR" else f"{quoted}, so {result}"
    return f"European Central Bank's reference rates of {day}{source}: {outcome}."


def _rate_day(rate_date: dt.date, loading: dt.date) -> str:
    if rate_date == loading:
        return f"{rate_date}, the loading day"
    return f"{rate_date}, the last before the loading day {loading}"


def _barrels(cargo: Row, reference: Reference) -> list[str]:
    unit, basis, factor = cargo["quantity_unit"], cargo["bbl_basis"], cargo["bbl_per_unit"]
    if cargo["quantity_bbl"] is None:
        return ["The quantity in barrels is not known."]
    quantity = f"{amount(cargo['quantity'])} {unit}"
    if basis == "volume":
        if factor == 1:
            return [f"Quantity {quantity}: no conversion."]
        row = _find(reference.units, unit=unit)
        source = f" {cite(row['source'])}" if row else ""
        return [f"1 {unit} = {factor:.9g} bbl{source}, so {quantity} = {amount(cargo['quantity_bbl'])} bbl."]
    low, high = cargo["bbl_per_unit_low"], cargo["bbl_per_unit_high"]
    within = f", between {low:.5g} and {high:.5g}" if low != high else ""
    return [
        _density(cargo, reference),
        f"1 {unit} = {factor:.7g} bbl{within}, so {quantity} = {amount(cargo['quantity_bbl'])} bbl.",
    ]


def _density(cargo: Row, reference: Reference) -> str:
    is_crude = cargo["hs_code"].startswith(CRUDE_HEADING)
    if cargo["bbl_basis"] == "density_unknown":
        if not is_crude:
            return "Neither grade nor code tells the product: barrels per tonne have the range of all products (J-15)."
        generic = _find(reference.grades, kind="generic_crude")
        typical = f" about {generic['bbl_per_t']:g} {cite(generic['source'])}" if generic else ""
        return f"No density of the grade is known: barrels per tonne{typical}, with the range of all crudes (J-15)."
    kind = "crude" if is_crude else "product"
    by_grade = cargo["bbl_basis"] == "density_of_grade"
    for row in reference.grades.filter(pl.col("kind") == kind).iter_rows(named=True):
        prefixes = (row["hs_prefixes"] or "").split(";")
        found = normalised(row["grade"]) == cargo["grade_key"] if by_grade else cargo["hs_code"][:8] in prefixes
        if found:
            told_by = "its grade" if by_grade else f"code {cargo['hs_code'][:8]}"
            factor = (
                f"{row['bbl_per_t']:g} barrels per tonne, plus or minus {row['range_pct'] or 0:g} %"
                if row["density_t_per_m3"] is None
                else f"density {row['density_t_per_m3']:.3f} t/m3"
            )
            return f"{row['grade']}, told by {told_by}: {factor} {cite(row['source'])}, {row['confidence']} (J-15)."
    return "Barrels per tonne follow from the density (J-15)."


def _estimate(cargo: Row, reference: Reference) -> list[str]:
    most = cargo["estimated_costs_high_usd_per_bbl"]
    if most is None:
        return [
            f"Costs that {cargo['incoterm']} contains are not itemised, and no figure tells what they come to (J-17)."
        ]
    if most == 0:
        return []
    parts = [_point_text(point, cargo) for point in _cost_points(cargo, reference)]
    made_of = f": {listing(parts)}" if parts else ""
    return [
        f"Costs that {cargo['incoterm']} contains and nothing itemises lie between 0 and {per_barrel(most)} USD/bbl"
        f"{made_of} (J-17)."
    ]


def _point_text(point: Row, cargo: Row) -> str:
    wanted = cargo["destination_country"]
    days = span(point["first_date"], point["last_date"])
    foreign = "" if point["destination_country"] == wanted else f"; none is known for {wanted or 'the destination'}"
    return (
        f"{point['component']} at most {per_barrel(point['top'])} ({point['route']}, {days}{foreign}) "
        f"{cite(point['source'])}"
    )


def _cost_points(cargo: Row, reference: Reference) -> list[Row]:
    """The published points that add up to the most that the missing costs may come to; the nearest of equals."""
    points = reference.freight_points.with_columns(top=pl.coalesce("high_usd_per_bbl", "low_usd_per_bbl"))
    insurance = points.filter(pl.col("component") == "insurance").sort("top", descending=True).head(1).to_dicts()
    freights = points.filter(pl.col("component") == "freight").to_dicts()
    freights.sort(key=lambda row: _distance(row, cargo))
    choices = [[freight, *insurance] for freight in freights] + [[freight] for freight in freights] + [insurance]
    most = cargo["estimated_costs_high_usd_per_bbl"]
    return next((points for points in choices if abs(sum(row["top"] for row in points) - most) < 1e-9), [])


def _distance(point: Row, cargo: Row) -> tuple[bool, int]:
    loading = cargo["loading_first"]
    days = max((point["first_date"] - loading).days, (loading - point["last_date"]).days, 0)
    return point["destination_country"] != cargo["destination_country"], days


def _result(cargo: Row, reference: Reference) -> list[str]:
    if cargo["price_basis"] is None:
        return ["No price can be reached, so the cargo is unpriced."]
    net = f"{amount(cargo['value'] - cargo['itemised_costs'])} {cargo['currency']}"
    rate = "" if cargo["currency"] == "USD" else f" x {cargo['usd_per_unit_of_currency']:.6g}"
    unit_price = (cargo["value"] - cargo["itemised_costs"]) * cargo["usd_per_unit_of_currency"] / cargo["quantity_bbl"]
    division = f"{net}{rate} / {amount(cargo['quantity_bbl'])} bbl = {per_barrel(unit_price)} USD/bbl"
    basis = f"price basis {cargo['price_basis']}: {BASES[cargo['price_basis']]}"
    steps = [f"{division} ({basis})."]
    if cargo["evidence_kind"] == "customs_flow":
        steps += _published_beside(cargo, reference)
    if cargo["price_low_usd_per_bbl"] == cargo["price_high_usd_per_bbl"]:
        return [*steps, "Nothing was estimated: the price is exact."]
    best = cargo["price_usd_per_bbl"]
    figure = "" if best is None else f"; the best single figure is {per_barrel(best)} USD/bbl"
    return [*steps, f"The price of the oil itself: {price_range(cargo)}{figure}."]


def _published_beside(cargo: Row, reference: Reference) -> list[str]:
    figure = _find(reference.japan_crude_from_russia, figure_id=cargo["shipment_id"])
    if not figure or figure["value_usd"] is None:
        return []
    published = figure["value_usd"] / cargo["quantity_bbl"]
    return [
        f"Published beside it: USD {amount(figure['value_usd'])}, that is {per_barrel(published)} USD/bbl; the range "
        "takes in both."
    ]


def _find(frame: pl.DataFrame, **values: object) -> Row | None:
    """The first row with these values."""
    rows = frame.filter(pl.col(name) == value for name, value in values.items())
    return rows.row(0, named=True) if rows.height else None
