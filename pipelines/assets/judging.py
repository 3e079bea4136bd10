"""From evidence to verdicts.

Here: all evidence as cargoes, and the verdicts on them.
Add here: another kind of evidence among the cargoes.
Keep out: how evidence becomes a cargo and how it is judged (`pipelines.transforms`).
"""

import datetime as dt
from collections.abc import Collection, Sequence

import dagster as dg
import polars as pl

from pipelines.assets.inputs import staged_shipments
from pipelines.assets.law import reference, shipped_figures, stored_rulebook
from pipelines.assets.monthly_asset import Making, monthly_asset
from pipelines.assets.table_asset import table_assets
from pipelines.assets.table_check import WARN, Finding, TableCheck
from pipelines.checks.japan import judged_arrivals
from pipelines.checks.proof import disagreements
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.customs import CUSTOMS_LINES, holds_customs_lines
from pipelines.contracts.reference import (
    ENFORCEMENT_CASES,
    EXCHANGE_RATES_DAILY,
    EXCHANGE_RATES_MONTHLY,
    FREIGHT_POINTS,
    GRADES,
    IMPORTERS,
    INCOTERMS,
    JAPAN_CRUDE_FROM_RUSSIA,
    REFERENCE_TABLES,
    UNITS,
)
from pipelines.contracts.rules import (
    EXEMPTIONS,
    NEXUS_COUNTRIES,
    NEXUS_SERVICES,
    PRICE_CAPS,
    PRODUCT_CODES,
    REGIMES,
    RULE_TABLES,
    SCOPE_RULES,
    TRANSITIONS,
)
from pipelines.contracts.table import Table
from pipelines.rules.law import Law
from pipelines.settings import Settings
from pipelines.sources.publishers import STAGED
from pipelines.sources.reference import Reference
from pipelines.sources.upstream import latest
from pipelines.transforms.customs import combined_lines
from pipelines.transforms.estimates import with_estimated_prices
from pipelines.transforms.evidence import customs_flows, enforcement_cases, line_flows
from pipelines.transforms.judge import judge
from pipelines.transforms.nexus import legs_of
from pipelines.transforms.prices import price_shipments
from pipelines.transforms.touching import (
    LawTouching,
    by_month,
    estimates_by_month,
    figures_by_month,
    month_of,
    spans,
    undated_rules,
)
from pipelines.warehouse.months import PROGRAM, SHIPPED, WHOLE, Recipe, fingerprint, made_of, program, shipped
from pipelines.warehouse.store import Store, content_identity

# The importer whose customs figures these are.
JAPAN = "JP"
LINE_TABLES = {name: table for name, table in STAGED.items() if holds_customs_lines(table)}


def _customs_lines(_: Settings, store: Store, __: Collection[Table]) -> dict[str, pl.DataFrame]:
    # Units, grades and importers are never renewed; users' files are read between these lines and the figures.
    figures = shipped_figures()
    in_force = {name: latest(store.scan(table).collect()) for name, table in LINE_TABLES.items()}
    return {CUSTOMS_LINES.name: combined_lines(in_force, figures.importers, figures)}


def _only_countries(lines: pl.DataFrame, _: Store) -> Finding:
    countries = shipped_figures().importers.select("country")
    others = lines.join(countries, left_on="importer_country", right_on="country", how="anti")
    return Finding(lines.height, others.height, others)


def _one_statistic(lines: pl.DataFrame, _: Store) -> Finding:
    flows = lines.filter(pl.col("shipment_id").is_not_null())
    mixed = flows.filter(pl.col("data_set").n_unique().over("importer_country", "month") > 1)
    return Finding(flows.height, mixed.height, mixed)


def _published_evidence(store: Store, figures: Reference) -> pl.LazyFrame:
    """Customs flows and enforcement cases as cargoes, of all months: few, beside the declared ones."""
    return pl.concat(
        [
            customs_flows(store.scan(JAPAN_CRUDE_FROM_RUSSIA), JAPAN, figures),
            line_flows(store.scan(CUSTOMS_LINES), figures.importers, figures),
            enforcement_cases(store.scan(ENFORCEMENT_CASES), figures.grades),
        ]
    )


def _cargoes(settings: Settings, store: Store, _: Sequence[str] | None = None) -> pl.DataFrame:
    figures = reference(store)
    published = _published_evidence(store, figures)
    if store.only is not None:
        published = published.filter(month_of(pl.col("loading_first")).is_in(sorted(store.only)))
    cargoes = pl.concat([price_shipments(store.scan(staged_shipments()), figures, pl.col("file")), published])
    if settings.estimate_unpriced:
        cargoes = with_estimated_prices(cargoes, figures.crude_prices_monthly, figures.crude_price_points)
    return cargoes.collect()


def _cargo_recipes(settings: Settings, store: Store) -> dict[str, Recipe]:
    declared, figures = staged_shipments(), reference(store)
    evidence = _published_evidence(store, figures).sort("shipment_id").collect()
    published = by_month(evidence.with_columns(month=month_of(pl.col("loading_first"))))
    months = sorted({*store.months(declared), *published})
    touching = figures_by_month(figures, months)
    recipes: dict[str, Recipe] = {}
    estimates = estimates_by_month(figures.crude_prices_monthly, figures.crude_price_points)
    for month in months:
        ingredients = {PROGRAM: program()}
        if month in store.months(declared):
            ingredients["declared shipments"] = store.month_identity(declared, month)
            ingredients |= {name: fingerprint(said) for name, said in touching[month].items()}
        if month in published:
            ingredients["customs flows and cases"] = content_identity(published[month])
        if settings.estimate_unpriced:
            ingredients["estimates of prices"] = fingerprint(estimates.get(month, []))
        recipes[month] = {WHOLE: ingredients}
    return recipes


def _evidence_months(store: Store) -> pl.DataFrame:
    """shipment_id and month of every cargo that may be made, before it is."""
    declared = store.scan(staged_shipments()).select("shipment_id", month=month_of(pl.col("loading_date")))
    published = _published_evidence(store, reference(store))
    others = published.select("shipment_id", month=month_of(pl.col("loading_first")))
    return pl.concat([declared, others]).collect()


def cargo_making() -> Making:
    """How cargoes are made from all evidence."""
    return Making(
        _cargo_recipes,
        _cargoes,
        (*REFERENCE_TABLES.values(), CUSTOMS_LINES, staged_shipments()),
        about=lambda settings: settings.estimate_unpriced,
        months_of=_evidence_months,
        source=staged_shipments(),
    )


def _verdicts(settings: Settings, store: Store, regimes: Sequence[str] | None = None) -> pl.DataFrame:
    return judge(store.scan(CARGOES), stored_rulebook(store), regimes).collect()


def _verdict_recipes(settings: Settings, store: Store) -> dict[str, Recipe]:
    book = stored_rulebook(store)
    law = LawTouching(Law(book))
    undated = {
        regime: {name: fingerprint(said) for name, said in undated_rules(book, regime).items()}
        for regime in book.regime_codes
    }
    recipes: dict[str, Recipe] = {}
    for month, span in sorted(spans(store.scan(CARGOES)).items()):
        cargoes = {PROGRAM: program(), "the cargoes": store.month_identity(CARGOES, month)}
        recipes[month] = {
            regime: cargoes | undated[regime] | {name: fingerprint(said) for name, said in law.of(regime, span).items()}
            for regime in book.regime_codes
        }
    return recipes


VERDICT_MAKING = Making(_verdict_recipes, _verdicts, (*RULE_TABLES.values(), CARGOES), part_column="regime")


def _every_cargo_judged(verdicts: pl.DataFrame, store: Store) -> Finding:
    expected = legs_of(store.scan(CARGOES), stored_rulebook(store)).select("shipment_id", "regime").collect()
    given = verdicts.select("shipment_id", "regime")
    keys = ["shipment_id", "regime"]
    astray = pl.concat([expected.join(given, on=keys, how="anti"), given.join(expected, on=keys, how="anti")])
    return Finding(expected.height, astray.height, astray)


def _rederived(settings: Settings, store: Store) -> Finding:
    # A new sample every night: the state of the rules and cargoes draws it, so a failure can be looked at again.
    seed = (store.rows(VERDICTS), settings.as_of, dt.datetime.now(dt.UTC).date())
    compared, differing = disagreements(
        store.scan(CARGOES), store.scan(VERDICTS), stored_rulebook(store), reference(store), seed
    )
    return Finding(compared, differing.height, differing)


def _flows(verdicts: pl.DataFrame, store: Store) -> pl.DataFrame:
    """The verdicts on customs flows, with the transport mode of the flow."""
    flows = store.scan(CARGOES).filter(pl.col("evidence_kind") == "customs_flow")
    return verdicts.join(flows.select("shipment_id", "transport_mode").collect(), on="shipment_id", how="inner")


def _sea_only(verdicts: pl.DataFrame, store: Store) -> Finding:
    flows = _flows(verdicts, store)
    capped = flows.filter(pl.col("transport_mode") != "sea", pl.col("verdict") != "out_of_scope")
    return Finding(flows.height, capped.height, capped)


def _no_finding_at_cif(verdicts: pl.DataFrame, store: Store) -> Finding:
    flows = _flows(verdicts, store)
    low = pl.col("price_low_usd_per_bbl")
    # Where the code leaves the class open, no one cap is shown.
    unproven = (low <= pl.col("cap_usd_per_bbl")).fill_null(low.is_null())
    accused = flows.filter(pl.col("verdict") == "above_cap", unproven)
    return Finding(flows.height, accused.height, accused)


def _no_arrivals(cargoes: pl.DataFrame, store: Store) -> Finding:
    found = judged_arrivals(cargoes, store.scan(JAPAN_CRUDE_FROM_RUSSIA).collect())
    return Finding(cargoes.height, found.height, found)


def _few_unknown(verdicts: pl.DataFrame, _: Store) -> Finding:
    unknown = verdicts.filter(pl.col("verdict").is_in(["indeterminate", "unpriced"]))
    return Finding(verdicts.height, unknown.height, unknown.select("shipment_id", "regime", "verdict", "reason"))


def build_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of cargoes and verdicts."""
    prices = [UNITS, GRADES, INCOTERMS, EXCHANGE_RATES_DAILY, EXCHANGE_RATES_MONTHLY, FREIGHT_POINTS, IMPORTERS]
    rules = [REGIMES, PRICE_CAPS, TRANSITIONS, EXEMPTIONS, SCOPE_RULES, PRODUCT_CODES, NEXUS_SERVICES, NEXUS_COUNTRIES]
    return [
        table_assets(
            _customs_lines,
            {
                CUSTOMS_LINES: [
                    TableCheck(
                        "importers_are_countries",
                        "No line is of the EU, the euro area or other countries added up, so that sums count oil once.",
                        _only_countries,
                    ),
                    TableCheck(
                        "one_statistic_an_importer",
                        "The flows of an importer and month come from one customs statistic: statistics are never "
                        "added, and energy statistics never become flows.",
                        _one_statistic,
                    ),
                ]
            },
            name="customs_lines",
            group="publishers",
            reads=LINE_TABLES.values(),
            made_from=lambda _, __, store: made_of(LINE_TABLES.values(), store) | {SHIPPED: shipped()},
        ),
        monthly_asset(
            CARGOES,
            cargo_making(),
            [
                TableCheck(
                    "arrivals_not_added",
                    "No cargo comes from Japan's arrivals: customs has the same oil, and it would count twice.",
                    _no_arrivals,
                    reads=(JAPAN_CRUDE_FROM_RUSSIA,),
                )
            ],
            group="judging",
            reads=[staged_shipments(), JAPAN_CRUDE_FROM_RUSSIA, ENFORCEMENT_CASES, CUSTOMS_LINES, *prices],
        ),
        monthly_asset(
            VERDICTS,
            VERDICT_MAKING,
            [
                TableCheck(
                    "every_cargo_judged",
                    "One verdict for each cargo and regime in its nexus, no more and no less.",
                    _every_cargo_judged,
                ),
                TableCheck(
                    "agrees_with_rederivation",
                    "A random sample, judged again in plain Python without the engine, gets the same verdicts.",
                    lambda _, store: _rederived(settings, store),
                    each_night=True,
                ),
                TableCheck(
                    "flows_not_by_sea_are_out_of_scope",
                    "A customs flow by pipeline, rail or road gets no verdict on its price.",
                    _sea_only,
                ),
                TableCheck(
                    "customs_value_is_no_finding",
                    "A customs value above the cap is a flag: a flow is above the cap only if its value less the "
                    "dearest freight is.",
                    _no_finding_at_cif,
                ),
                TableCheck(
                    "open_verdicts",
                    "Verdicts that are indeterminate or unpriced: unknown is an answer, and here is why.",
                    _few_unknown,
                    WARN,
                ),
            ],
            group="judging",
            reads=[CARGOES, *rules],
        ),
    ]
