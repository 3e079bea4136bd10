-- How many cargoes of each kind got which verdict?
SELECT
    evidence_kind,
    regime,
    verdict,
    count(*) AS cargoes,
    count(*) FILTER (quantity_bbl IS NULL) AS unmeasured_cargoes,
    count(*) FILTER (is_above_cap) AS above_cap_cargoes,
    sum(quantity_bbl) AS quantity_bbl,
    sum(compared_bbl) AS compared_bbl,
    sum(above_cap_bbl) AS above_cap_bbl,
    sum(excess_value_usd) AS excess_value_usd
FROM marts.judged_cargoes
GROUP BY ALL
ORDER BY evidence_kind, regime, verdict
