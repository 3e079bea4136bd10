-- Which cargoes were sold furthest above a cap? The first fifty, the latest first among equals.
SELECT
    evidence_kind,
    shipment_id,
    any_value(vessel_name) AS vessel_name,
    any_value(j.grade) AS grade,
    any_value(destination_country) AS destination_country,
    any_value(loading_last) AS loading_last,
    min(price_low_usd_per_bbl) AS price_low_usd_per_bbl,
    max(price_high_usd_per_bbl) AS price_high_usd_per_bbl,
    string_agg(regime || ' ' || format('{:g}', cap_usd_per_bbl) || ': ' || verdict, ', ' ORDER BY r.rowid) AS above_cap_of,
    count(*) OVER () AS cargoes_in_all
FROM marts.judged_cargoes j
JOIN reference.regimes r USING (regime)
WHERE is_above_cap
GROUP BY evidence_kind, shipment_id
ORDER BY max(price_low_usd_per_bbl - cap_usd_per_bbl) DESC, loading_last DESC, shipment_id
LIMIT 50
