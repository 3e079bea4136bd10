-- How much money above the cap, under each regime, and what covered it?
-- A range where the price is a range. Every regime judges the same oil: never add regimes, nor kinds of evidence.
WITH judged AS (
    SELECT
        c.evidence_kind,
        v.regime,
        CASE v.verdict
            WHEN 'above_cap' THEN 'nothing covers it'
            WHEN 'exempt' THEN 'exempt'
            WHEN 'within_prior_cap' THEN 'prior cap usable'
            ELSE 'undecided'
        END AS coverage,
        v.is_above_cap,
        -- A price of which only the upper end is known starts at nothing.
        CASE WHEN v.price_high_usd_per_bbl IS NULL THEN v.price_low_usd_per_bbl
            ELSE coalesce(v.price_low_usd_per_bbl, 0) END - v.cap_usd_per_bbl AS least_usd_per_bbl,
        v.price_high_usd_per_bbl - v.cap_usd_per_bbl AS most_usd_per_bbl,
        -- The value of an invoice is fixed: its lowest price per barrel goes with the most barrels.
        c.quantity * CASE WHEN c.value IS NULL THEN c.bbl_per_unit_low ELSE c.bbl_per_unit_high END AS bbl_at_least,
        c.quantity * CASE WHEN c.value IS NULL THEN c.bbl_per_unit_high ELSE c.bbl_per_unit_low END AS bbl_at_most
    FROM marts.shipment_verdicts v
    JOIN staging.cargoes c USING (shipment_id)
    WHERE v.verdict NOT IN ('out_of_scope', 'within_cap')
),
amounts AS (
    SELECT
        evidence_kind,
        regime,
        coverage,
        CASE
            WHEN NOT is_above_cap OR least_usd_per_bbl * bbl_at_least <= 0 THEN 0
            ELSE least_usd_per_bbl * bbl_at_least
        END AS least_usd,
        CASE
            WHEN NOT is_above_cap OR most_usd_per_bbl * bbl_at_most <= 0 THEN 0
            ELSE most_usd_per_bbl * bbl_at_most
        END AS most_usd
    FROM judged
)
SELECT
    evidence_kind,
    regime,
    coverage,
    count(*) AS judged,
    count(least_usd) AS with_amount,
    count(*) - count(least_usd) AS amount_not_known,
    sum(least_usd) AS least_usd,
    -- Where one upper end is not known, the sum has none.
    CASE WHEN count(least_usd) = count(most_usd) THEN sum(most_usd) END AS most_usd
FROM amounts
JOIN reference.regimes r USING (regime)
GROUP BY evidence_kind, regime, coverage, r.rowid
ORDER BY evidence_kind, r.rowid, coverage
