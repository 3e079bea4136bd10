-- Which rule let how much oil through, for whom, and how much money above the cap?
WITH rules AS (
    SELECT id, licence, instrument FROM reference.exemptions
    UNION ALL
    SELECT id, NULL, instrument FROM reference.transitions
)
SELECT
    coalesce(v.exemption_id, v.transition_id) AS rule_id,
    r.licence,
    r.instrument,
    v.regime,
    c.destination_country,
    date_trunc('month', c.loading_first)::DATE AS loading_month,
    count(*) AS cargoes,
    sum(v.quantity_bbl) AS quantity_bbl,
    sum(v.quantity_bbl) FILTER (v.is_above_cap) AS above_cap_bbl,
    sum(v.excess_value_usd) AS excess_value_usd
FROM marts.shipment_verdicts v
JOIN staging.cargoes c USING (shipment_id)
JOIN rules r ON r.id = coalesce(v.exemption_id, v.transition_id)
GROUP BY ALL
ORDER BY loading_month, rule_id, c.destination_country
