-- Which cargoes were sold above a cap? The fifty furthest above, most recent first among equals.
SELECT
    c.evidence_kind,
    v.shipment_id,
    c.vessel_name,
    c.grade,
    c.destination_country,
    min(v.level_date) AS level_date,
    min(v.price_low_usd_per_bbl) AS price_low_usd_per_bbl,
    max(v.price_high_usd_per_bbl) AS price_high_usd_per_bbl,
    string_agg(v.regime || ' ' || format('{:g}', v.cap_usd_per_bbl) || ': ' || v.verdict, ', ' ORDER BY r.rowid) AS above_cap_of,
    count(*) OVER () AS cargoes_in_all
FROM marts.shipment_verdicts v
JOIN staging.cargoes c USING (shipment_id)
JOIN reference.regimes r USING (regime)
WHERE v.is_above_cap
GROUP BY c.evidence_kind, v.shipment_id, c.vessel_name, c.grade, c.destination_country
ORDER BY max(v.price_low_usd_per_bbl - v.cap_usd_per_bbl) DESC, level_date DESC, v.shipment_id
LIMIT 50
