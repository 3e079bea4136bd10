-- How many cargoes of each kind got which verdict?
SELECT
    c.evidence_kind,
    v.regime,
    v.verdict,
    count(*) AS cargoes,
    sum(v.quantity_bbl) AS quantity_bbl,
    sum(v.excess_value_usd) AS excess_value_usd
FROM marts.shipment_verdicts v
JOIN staging.cargoes c USING (shipment_id)
GROUP BY ALL
ORDER BY c.evidence_kind, v.regime, v.verdict
