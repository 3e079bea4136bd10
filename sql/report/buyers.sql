-- Who bought above which cap, and on what evidence?
-- One row of evidence counts once per regime. Kinds of evidence may be about the same oil: never add them.
SELECT
    c.evidence_kind,
    coalesce(c.destination_country, 'not published') AS destination_country,
    regime,
    min(v.cap_usd_per_bbl) AS lowest_cap_usd_per_bbl,
    max(v.cap_usd_per_bbl) AS highest_cap_usd_per_bbl,
    count(*) AS judged,
    count(*) FILTER (v.is_above_cap) AS above_cap,
    count(*) FILTER (v.is_above_cap AND v.verdict IN ('exempt', 'within_prior_cap')) AS above_cap_and_covered,
    count(*) FILTER (NOT v.is_above_cap) AS at_or_below_cap,
    count(*) FILTER (v.is_above_cap IS NULL) AS not_known
FROM marts.shipment_verdicts v
JOIN staging.cargoes c USING (shipment_id)
JOIN reference.regimes r USING (regime)
WHERE v.verdict <> 'out_of_scope'
GROUP BY c.evidence_kind, c.destination_country, regime, r.rowid
ORDER BY c.evidence_kind, c.destination_country NULLS LAST, r.rowid
