"""The known traps of what publishers publish, each with the check that names who fell into it.

Here: one `Trap` for each, for the page on sources; a test holds every name against the checks of a night.
Add here: a trap, with its check.
Keep out: the checks themselves; they stand with the tables that they are about.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Trap:
    """A trap in words, and its checks as `table.check`."""

    what: str
    checks: tuple[str, ...]


TRAPS = (
    Trap(
        "A Russian type of crude with an API gravity above 42 needs a certificate of origin.",
        ("staging.eu_crude_by_type.russian_crude_of_cpc_quality",),
    ),
    Trap(
        "Pipeline and rail lines never get a verdict on their price.",
        ("marts.shipment_verdicts.flows_not_by_sea_are_out_of_scope",),
    ),
    Trap(
        "Oil consigned from Russia whose origin is Kazakhstan is out of scope.",
        ("staging.comtrade_lines.consigned_from_russia_is_not_russian",),
    ),
    Trap(
        "The newest customs month may be partial, and zero does not mean none.",
        ("staging.japan_customs_all_origins.months_are_whole",),
    ),
    Trap(
        "One cargo may stand in two customs months.",
        ("staging.japan_crude_from_russia.cargoes_come_out_whole",),
    ),
    Trap("Arrivals and customs are the same oil and are never added.", ("staging.cargoes.arrivals_not_added",)),
    Trap(
        "All lines of a heading are summed, none is overwritten.",
        ("staging.japan_crude_from_russia.lines_are_summed",),
    ),
    Trap(
        "The EU, the euro area and other countries added up are dropped before summing.",
        ("staging.customs_lines.importers_are_countries",),
    ),
    Trap(
        "Comext and energy statistics are not mixed.",
        ("staging.customs_lines.one_statistic_an_importer",),
    ),
    Trap("A confidential price is empty, not zero.", ("staging.eu_crude_by_type.no_price_of_zero",)),
    Trap(
        "Rates may stand the wrong way round.",
        (
            "staging.ecb_exchange_rates.rates_the_right_way_round",
            "staging.fed_exchange_rates.rates_the_right_way_round",
        ),
    ),
    Trap(
        "Shifted columns of the Urals table break the identity of the row.",
        ("staging.urals_tax_prices.row_identity",),
    ),
    Trap(
        "The mean of Brent's days equals the month within a cent.",
        ("staging.crude_prices_monthly.daily_mean_equals_monthly",),
    ),
    Trap(
        "IMO numbers have a check digit, may be prefixed, and must be unique.",
        tuple(
            f"staging.{table}.{check}"
            for table in ("ofac_listed_vessels", "uk_listed_vessels")
            for check in ("imo_numbers_are_valid", "imo_numbers_are_unique")
        ),
    ),
    Trap(
        "The day of a list is not the day of a listing.",
        (
            "staging.ofac_listed_vessels.list_day_is_no_listing_day",
            "staging.uk_listed_vessels.list_day_is_no_listing_day",
        ),
    ),
    Trap(
        "Ships are matched by IMO number alone; namesakes are told.",
        ("marts.listed_vessel_cargoes.matched_by_number", "marts.listed_vessel_cargoes.no_namesakes"),
    ),
    Trap(
        "A CIF or delivered value above the cap is a flag, not a finding.",
        ("marts.shipment_verdicts.customs_value_is_no_finding",),
    ),
    Trap(
        "Figures are printed again and changed: every printing is kept.",
        tuple(
            f"staging.{table}.printings_agree"
            for table in ("urals_tax_prices", "eia_spot_prices_daily", "ecb_exchange_rates")
        ),
    ),
    Trap(
        "A figure whose arithmetic fails is refused.",
        ("staging.japan_crude_from_russia.arithmetic_holds",),
    ),
    Trap(
        "An empty answer is a fault until its status says that there is nothing.",
        ("quality.source_snapshots.newest_versions_used",),
    ),
)
