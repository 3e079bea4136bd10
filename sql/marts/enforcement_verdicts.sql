-- Does the rulebook find what the authority found?
SELECT
    e.case_id,
    e.authority,
    e.published_on,
    e.vessel_name,
    e.vessel_imo,
    e.grade,
    e.price_wording,
    v.regime,
    v.cap_usd_per_bbl,
    v.verdict,
    CASE
        WHEN e.price_low_usd_per_bbl > v.cap_usd_per_bbl THEN e.price_low_usd_per_bbl - v.cap_usd_per_bbl
        WHEN e.price_low_usd_per_bbl <= v.cap_usd_per_bbl THEN 0
    END AS excess_at_least_usd_per_bbl,
    v.reason,
    v.confidence
FROM staging.enforcement_cases e
JOIN marts.shipment_verdicts v ON v.shipment_id = e.case_id
ORDER BY e.published_on, e.case_id
