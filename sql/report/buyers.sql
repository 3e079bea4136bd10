-- Who bought above which cap, and on what evidence?
-- One row of evidence counts once per regime. Kinds of evidence may be about the same oil: never add them.
SELECT
    evidence_kind,
    coalesce(destination_country, 'not published') AS destination_country,
    regime,
    min(cap_usd_per_bbl) AS lowest_cap_usd_per_bbl,
    max(cap_usd_per_bbl) AS highest_cap_usd_per_bbl,
    count(*) AS judged,
    count(*) FILTER (is_above_cap) AS above_cap,
    count(*) FILTER (is_above_cap AND verdict IN ('exempt', 'within_prior_cap')) AS above_cap_and_covered,
    count(*) FILTER (NOT is_above_cap) AS at_or_below_cap,
    count(*) FILTER (is_above_cap IS NULL) AS not_known
FROM marts.judged_cargoes j
JOIN reference.regimes r USING (regime)
WHERE verdict <> 'out_of_scope'
GROUP BY evidence_kind, j.destination_country, regime, r.rowid
ORDER BY evidence_kind, j.destination_country NULLS LAST, r.rowid
