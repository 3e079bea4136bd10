"""Which regimes a cargo meets: declared, inferred from the voyage and its providers, or assumed.

Here: the legs of a cargo, one per regime.
Add here: another way for a cargo to meet a regime.
Keep out: which country brings which regime (`data/rules/nexus_*.csv`, `regimes.csv`).
"""

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
    met = regimes_met(cargoes.select(ties(book)).unique(), book, regimes)
    return cargoes.join(met, on=ties(book), how="inner", nulls_equal=True)


def ties(book: Rulebook) -> list[str]:
    """The columns of a cargo that bring a regime. Few cargoes differ in them."""
    dated = any(book.nexus_countries[column].count() for column in ("valid_from", "valid_to"))
    return ["nexus", "destination_country", *PROVIDER_ROLES, *(["loading_first", "loading_last"] if dated else [])]


def regimes_met(differences: pl.LazyFrame, book: Rulebook, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """The regimes that each of these rows with the columns of `ties` meets: a row for each, `regime`, `nexus_basis`."""
    regime = pl.col("regime")
    judged = (
        book.regimes.lazy()
        .select("regime", "destination_nexus")
        .with_row_index("place")
        .filter(regime.is_in(list(regimes)) if regimes is not None else True)
        .select("regime", "destination_nexus", bit=pl.lit(1, pl.Int64) * 2 ** pl.col("place"))
    )
    all_named = pl.all_horizontal(pl.col(role).is_not_null() for role in PROVIDER_ROLES)
    declared = pl.concat_str(pl.lit(";"), "nexus", pl.lit(";"))
    named = declared.str.contains(pl.concat_str(pl.lit(";"), regime, pl.lit(";")), literal=True)
    is_destination = (pl.col("destination_country") == pl.col("destination_nexus")).fill_null(False)
    basis = (
        pl.when(named)
        .then(pl.lit("declared"))
        .when(is_destination | ((pl.col("brought") & pl.col("bit")) != 0))
        .then(pl.lit("inferred"))
        .when(pl.col("nexus").is_null() & (pl.col("brought") == 0) & ~all_named)
        .then(pl.lit("assumed"))
    )
    return (
        differences.with_columns(brought=_brought_by_providers(book))
        .join(judged, how="cross")
        .with_columns(nexus_basis=basis)
        .filter(pl.col("nexus_basis").is_not_null())
        .drop("destination_nexus", "brought", "bit")
    )


def _brought_by_providers(book: Rulebook) -> pl.Expr:
    """A bit for each regime, in the order of the book's, that a provider brings.

    It is of one of the regime's countries, in a role that the regime covers, or may cover.
    """
    place = {code: number for number, code in enumerate(book.regime_codes)}
    covered = book.nexus_services.filter(pl.col("is_covered") != "no").select("regime", covered="role")
    reached = book.nexus_countries.join(covered, on="regime").filter(
        (pl.col("role") == "*") | (pl.col("role") == pl.col("covered"))
    )
    bits = pl.lit(0, pl.Int64)
    for (role, first, end), rows in reached.group_by("covered", "valid_from", "valid_to", maintain_order=True):
        by_country: dict[str, int] = {}
        for country, regime in rows.select("country", "regime").unique().iter_rows():
            by_country[country] = by_country.get(country, 0) | 1 << place[regime]
        found = pl.col(str(role)).replace_strict(by_country, default=0, return_dtype=pl.Int64())
        is_then = pl.lit(True)
        if first is not None:
            is_then &= pl.col("loading_last") >= first
        if end is not None:
            is_then &= pl.col("loading_first") < end
        bits |= pl.when(is_then).then(found).otherwise(0)
    return bits
