"""What each part of the report says in one sentence, computed from the results of its queries.

Here: one function per part, from frames to a sentence.
Add here: the sentence of a new part.
Keep out: charts, and any figure that is not in the frames.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.report.wording import evidence, last_day, listing, money, number, per_barrel, series, spaced

Frames = Mapping[str, pl.DataFrame]  # results of the queries of the report, by the name of the query


def prices(frames: Frames) -> str:
    """In how many months the price was above the cap of which regime. frames: months_above_cap."""
    rows = frames["months_above_cap"].sort("above_cap", descending=True, maintain_order=True)
    if rows.is_empty():
        return "No month with a crude cap has a published Urals price."
    groups = rows.group_by("above_cap", "months", maintain_order=True).agg("regime")
    parts = [f"{above} of {months} months ({listing(regimes)})" for above, months, regimes in groups.iter_rows()]
    return (
        f"From {min(rows['first_month'])} to {max(rows['last_month'])} the monthly {series(rows['benchmark'][0])} "
        f"was above the crude cap in {', '.join(parts)}."
    )


def japan(frames: Frames) -> str:
    """How many cargoes were let through, and which stood above a cap by customs value. frames: japan."""
    rows = frames["japan"]
    if rows.is_empty():
        return "No cargo to Japan falls under a cap."
    cargo = ["loading_date", "vessel_name", "customs_months"]
    cargoes = number(rows.select(cargo).n_unique(), "cargo", "cargoes")
    exempt = rows.filter(pl.col("verdict").str.contains("exempt", literal=True))
    above = rows.filter(pl.col("unit_value_usd_per_bbl") > pl.col("cap_usd_per_bbl"))
    sentence = f"No exemption covered any of {cargoes}"
    if exempt.height:
        regimes = exempt["regime"].unique(maintain_order=True).to_list()
        sentence = f"Exemptions of {listing(regimes)} covered {exempt.select(cargo).n_unique()} of {cargoes}"
    if above.is_empty():
        return f"{sentence}; no customs value was above a cap."
    top = above.sort("unit_value_usd_per_bbl", descending=True).row(0, named=True)
    count = above.select(cargo).n_unique()
    return (
        f"{sentence}; by customs value, which includes freight, {count} {'was' if count == 1 else 'were'} above a cap "
        f"(at most {top['unit_value_usd_per_bbl']:.2f} USD/bbl against {per_barrel(top['cap_usd_per_bbl'])})."
    )


def buyers(frames: Frames) -> str:
    """For each kind of evidence, the regime whose cap was passed most often. frames: buyers."""
    counted = ("judged", "above_cap", "above_cap_and_covered", "not_known")
    by_regime = frames["buyers"].group_by("evidence_kind", "regime", maintain_order=True).agg(pl.col(counted).sum())
    parts = []
    for (kind,), rows in by_regime.group_by("evidence_kind", maintain_order=True):
        top = rows.sort("above_cap", "not_known", descending=True, maintain_order=True).row(0, named=True)
        told = "none known to be above a cap"
        if top["above_cap"]:
            covered = f" ({top['above_cap_and_covered']} of them covered)" if top["above_cap_and_covered"] else ""
            told = f"{top['above_cap']} of {top['judged']} above the {top['regime']} cap{covered}"
        unknown = f", not known for {top['not_known']} of {top['judged']}" if top["not_known"] else ""
        parts.append(f"{evidence(str(kind)).lower()}: {told}{unknown}")
    return _sentence(parts, "no cargo falls under a cap")


def money_above_cap(frames: Frames) -> str:
    """For each kind of evidence, the regime with most money above its cap. frames: money_above_cap."""
    # Within a regime a cargo has one verdict, so these may be added.
    by_regime = (
        frames["money_above_cap"]
        .group_by("evidence_kind", "regime", maintain_order=True)
        .agg(
            pl.col("judged", "with_amount", "amount_not_known").sum(),
            least=pl.col("least_usd").sum(),
            most=pl.when((pl.col("with_amount") > 0) & pl.col("most_usd").is_null())
            .then(float("inf"))
            .otherwise("most_usd")
            .sum(),
        )
    )
    parts = []
    for (kind,), rows in by_regime.group_by("evidence_kind", maintain_order=True):
        top = rows.sort("most", "least", "with_amount", descending=True, maintain_order=True).row(0, named=True)
        name = evidence(str(kind)).lower()
        if not top["with_amount"]:
            parts.append(f"{name}: not known for any of {top['judged']}")
            continue
        unknown = f", not known for {top['amount_not_known']} of {top['judged']}" if top["amount_not_known"] else ""
        parts.append(f"{name}: {money(top['least'], top['most'])} above the {top['regime']} cap{unknown}")
    return _sentence(parts, "no cargo is above a cap, exempt or undecided")


def unknowns(frames: Frames) -> str:
    """For each kind of evidence, how many verdicts are open where, and the most frequent reason. frames: unknowns."""
    parts = []
    for (kind,), rows in frames["unknowns"].group_by("evidence_kind", maintain_order=True):
        is_any = pl.col("reason") == "any reason"
        places = rows.filter(is_any).sort("verdicts", descending=True, maintain_order=True)
        open_in = [
            f"{count} under {'each of ' if len(regimes) > 1 else ''}{listing(regimes)}"
            for count, regimes in places.group_by("verdicts", maintain_order=True).agg("regime").iter_rows()
        ]
        reasons = rows.filter(~is_any).group_by("reason", maintain_order=True).agg(pl.col("verdicts").max())
        most = reasons["verdicts"].max()
        frequent = [spaced(reason) for reason in reasons.filter(pl.col("verdicts") == most)["reason"]]
        parts.append(
            f"{evidence(str(kind)).lower()}: verdicts left open {listing(open_in)}, "
            f"most often because of {listing(frequent)}"
        )
    return _sentence(parts, "no verdict is left open")


def licences(frames: Frames) -> str:
    """How many exemptions are in force and which ends first. frames: licences, release."""
    rows, day = frames["licences"], frames["release"]["release_day"].item()
    current = rows.filter(pl.col("valid_from") <= day)
    if current.is_empty():
        return f"No exemption is in force on {day}."
    effects = {"decides": "decides verdicts", "open": "whether it applies is open", "never": "for the record"}
    counts = [
        f"{words}: {current.filter(pl.col('effect') == effect).height}"
        for effect, words in effects.items()
        if effect in set(current["effect"])
    ]
    sentence = f"In force on {day}: {number(current.height, 'exemption', 'exemptions')} ({'; '.join(counts)})"
    ending = current.filter(pl.col("valid_to").is_not_null(), pl.col("effect") != "never").sort("valid_to", "rule_id")
    if ending.is_empty():
        return f"{sentence}; no end is known for any that could decide."
    first = ending.row(0, named=True)
    then = f"followed by {first['followed_by']}" if first["followed_by"] else "with nothing known to follow"
    return (
        f"{sentence}; the first to end is {first['licence']} ({first['regime']}), whose last day is "
        f"{last_day(first['valid_to'])}, {then}."
    )


def quality(frames: Frames) -> str:
    """How many checks failed, how publishers' data sets stand and which are out of date, how old figures are.

    frames: checks, source_freshness, latest_figures.
    """
    checks, publishers = frames["checks"], frames["source_freshness"]
    states = publishers["state"]
    failed = [f"{row['failed']} of {row['checks']} with {row['severity']}" for row in checks.iter_rows(named=True)]
    parts = [
        f"{sum(checks['passed'])} of {number(sum(checks['checks']), 'check', 'checks')} passed, "
        f"{listing(failed) or 'none'} failed"
    ]
    if len(states):
        words = {"never": "never fetched"}
        counts = [f"{(states == state).sum()} {words.get(state, state)}" for state in states.unique().sort()]
        parts.append(f"data sets of publishers: {listing(counts)}")
    if (old := publishers.filter(pl.col("state").is_in(["late", "stale"]))).height:
        since = [f"{row['title']} (to {row['newest_period'] or 'no period'})" for row in old.iter_rows(named=True)]
        parts.append(f"out of date are {listing(since)}")
    figures = frames["latest_figures"]
    if figures.height:
        newest, oldest = figures.row(-1, named=True), figures.row(0, named=True)
        parts.append(
            f"the newest figures are {number(newest['days_old'], 'day', 'days')} old ({newest['series']}), "
            f"those of the oldest series {number(oldest['days_old'], 'day', 'days')} ({oldest['series']})"
        )
    return _sentence(parts, "no check ran")


def sources(frames: Frames) -> str:
    """How many publishers the figures come from. frames: sources."""
    return (
        f"The figures shown come from {number(frames['sources']['publisher'].n_unique(), 'publisher', 'publishers')}."
    )


def _sentence(parts: Iterable[str], otherwise: str) -> str:
    text = "; ".join(parts) or otherwise
    return f"{text[0].upper()}{text[1:]}."
