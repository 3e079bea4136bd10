"""Which regimes a cargo meets: declared, inferred from the voyage and its providers, or assumed.

Here: the legs of a cargo, one per regime.
Add here: another way for a cargo to meet a regime.
Keep out: which country brings which regime (`data/rules/nexus_*.csv`, `regimes.csv`).
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from pipelines.contracts.rules import PROVIDER_ROLES
from pipelines.rules.rulebook import Rulebook


def legs_of(cargoes: pl.LazyFrame, book: Rulebook, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """Each cargo once per regime in its nexus, with `regime` and `nexus_basis`.

    Declared: named in `nexus`. Inferred: the destination always brings it (J-26), or a provider of the cargo is
    of a country that does. Assumed: nothing was declared and no provider brings any regime, unless every
    provider is named: then no regime is met, and the cargo has no leg.
    """
    met = regimes_met(cargoes, book, regimes)
    return cargoes.join(met, on=ties(book), how="inner", nulls_equal=True)


def ties(book: Rulebook) -> list[str]:
    """The columns of a cargo that bring a regime. Few cargoes differ in them."""
    dated = any(book.nexus_countries[column].count() for column in ("valid_from", "valid_to"))
    return ["nexus", "destination_country", *PROVIDER_ROLES, *(["loading_first", "loading_last"] if dated else [])]


def regimes_met(cargoes: pl.LazyFrame, book: Rulebook, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """The regimes that each difference in `ties` meets, one row each: the ties, `regime` and `nexus_basis`."""
    reached = {row["regime"]: _reached_by_provider(row["regime"], book) for row in book.regimes.to_dicts()}
    reaches_none = ~pl.any_horizontal(reached.values())
    all_named = pl.all_horizontal(pl.col(role).is_not_null() for role in PROVIDER_ROLES)
    is_assumed = pl.col("nexus").is_null() & reaches_none & ~all_named
    declared = pl.concat_str(pl.lit(";"), "nexus", pl.lit(";"))
    legs = []
    for row in book.regimes.to_dicts():
        code = row["regime"]
        if regimes is not None and code not in regimes:
            continue
        destination = pl.lit(row["destination_nexus"], pl.String)
        is_destination = (pl.col("destination_country") == destination).fill_null(False)
        basis = (
            pl.when(declared.str.contains(f";{code};", literal=True))
            .then(pl.lit("declared"))
            .when(is_destination | reached[code])
            .then(pl.lit("inferred"))
            .when(is_assumed)
            .then(pl.lit("assumed"))
        )
        legs.append(pl.when(basis.is_not_null()).then(pl.struct(regime=pl.lit(code), nexus_basis=basis)))
    met = pl.concat_list(legs).list.drop_nulls()
    return cargoes.select(ties(book)).unique().with_columns(leg=met).explode("leg").unnest("leg")


def _reached_by_provider(regime: str, book: Rulebook) -> pl.Expr:
    """True where a provider in a role that the regime covers, or may cover, is of one of its countries."""
    is_of_regime = pl.col("regime") == regime
    roles = book.nexus_services.filter(is_of_regime, pl.col("is_covered") != "no")["role"].to_list()
    countries: dict[tuple[str, dt.date | None, dt.date | None], list[str]] = {}
    for row in book.nexus_countries.filter(is_of_regime).iter_rows(named=True):
        for role in roles:
            if row["role"] in ("*", role):
                countries.setdefault((role, row["valid_from"], row["valid_to"]), []).append(row["country"])
    tests = [pl.lit(False)]
    for (role, first, end), named in countries.items():
        test = pl.col(role).is_in(named)
        if first is not None:
            test &= pl.col("loading_last") >= first
        if end is not None:
            test &= pl.col("loading_first") < end
        tests.append(test)
    return pl.any_horizontal(tests).fill_null(False)
