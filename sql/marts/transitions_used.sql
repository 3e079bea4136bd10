-- Which wind-down or transition let how much oil through, for whom, and how much money above the cap in force?
SELECT
    j.evidence_kind,
    j.regime,
    j.transition_id AS rule_id,
    t.instrument,
    t.kind,
    prior.cap_usd_per_bbl AS prior_cap_usd_per_bbl,
    j.destination_country,
    j.loading_month,
    j.cap_usd_per_bbl,
    count(*) AS cargoes,
    count(*) FILTER (j.quantity_bbl IS NULL) AS unmeasured_cargoes,
    count(*) FILTER (j.is_above_cap) AS above_cap_cargoes,
    sum(j.quantity_bbl) AS quantity_bbl,
    sum(j.priced_bbl) AS priced_bbl,
    sum(j.value_usd) AS value_usd,
    sum(j.value_usd) / sum(j.priced_bbl) AS mean_price_usd_per_bbl,
    sum(j.compared_bbl) AS compared_bbl,
    sum(j.above_cap_bbl) AS above_cap_bbl,
    sum(j.excess_value_usd) AS excess_value_usd,
    sum(j.excess_at_most_usd) AS excess_at_most_usd
FROM marts.judged_cargoes j
JOIN reference.transitions t ON t.id = j.transition_id
LEFT JOIN reference.price_caps prior ON prior.id = t.prior_cap_id
GROUP BY ALL
ORDER BY j.loading_month, rule_id, j.destination_country
