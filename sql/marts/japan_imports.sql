-- What did Japan pay for Russian oil, which cap applied, and which rule let it through?
-- One cargo may be cleared over two customs months; the months are put together again by vessel and loading day.
WITH rules AS (
    SELECT id, licence, instrument FROM reference.exemptions
    UNION ALL
    SELECT id, NULL, instrument FROM reference.transitions
)
SELECT
    c.loading_first AS loading_date,
    c.vessel_name,
    string_agg(DISTINCT strftime(f.period_first, '%Y-%m'), ', ' ORDER BY strftime(f.period_first, '%Y-%m')) AS customs_months,
    min(c.grade) AS grade,
    v.regime,
    sum(v.quantity_bbl) AS quantity_bbl,
    coalesce(sum(v.quantity_bbl) FILTER (v.price_usd_per_bbl IS NOT NULL), 0) AS priced_bbl,
    sum(v.price_usd_per_bbl * v.quantity_bbl) / sum(v.quantity_bbl) FILTER (v.price_usd_per_bbl IS NOT NULL)
        AS unit_value_usd_per_bbl,
    min(v.price_low_usd_per_bbl) AS price_low_usd_per_bbl,
    max(v.price_high_usd_per_bbl) AS price_high_usd_per_bbl,
    min(v.cap_usd_per_bbl) AS cap_usd_per_bbl,
    string_agg(DISTINCT v.verdict, ', ' ORDER BY v.verdict) AS verdict,
    string_agg(DISTINCT coalesce(v.exemption_id, v.transition_id), ', ') AS rule_id,
    string_agg(DISTINCT r.licence, ', ') AS licence,
    string_agg(DISTINCT r.instrument, '; ') AS instrument,
    greatest(sum((v.price_usd_per_bbl - v.cap_usd_per_bbl) * v.quantity_bbl), 0) AS excess_value_usd,
    CASE max(CASE v.confidence WHEN 'verified' THEN 0 WHEN 'unverified' THEN 1 ELSE 2 END)
        WHEN 0 THEN 'verified' WHEN 1 THEN 'unverified' ELSE 'conflict' END AS confidence
FROM marts.shipment_verdicts v
JOIN staging.cargoes c USING (shipment_id)
JOIN staging.japan_crude_from_russia f ON f.figure_id = c.shipment_id
LEFT JOIN rules r ON r.id = coalesce(v.exemption_id, v.transition_id)
GROUP BY ALL
ORDER BY c.loading_first, v.regime
