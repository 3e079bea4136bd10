-- What did oil of each grade cost against the cap in force, month by month and by destination?
SELECT
    evidence_kind,
    regime,
    loading_month,
    grade,
    product_class,
    destination_country,
    cap_usd_per_bbl,
    count(*) AS cargoes,
    count(*) FILTER (quantity_bbl IS NULL) AS unmeasured_cargoes,
    count(*) FILTER (is_above_cap) AS above_cap_cargoes,
    sum(quantity_bbl) AS quantity_bbl,
    sum(priced_bbl) AS priced_bbl,
    sum(value_usd) AS value_usd,
    sum(value_usd) / sum(priced_bbl) AS mean_price_usd_per_bbl,
    min(cap_usd_per_bbl) - sum(value_usd) / sum(priced_bbl) AS mean_margin_usd_per_bbl,
    min(price_low_usd_per_bbl) AS price_low_usd_per_bbl,
    max(price_high_usd_per_bbl) AS price_high_usd_per_bbl,
    sum(compared_bbl) AS compared_bbl,
    sum(above_cap_bbl) AS above_cap_bbl,
    sum(excess_value_usd) AS excess_value_usd,
    sum(excess_at_most_usd) AS excess_at_most_usd
FROM marts.judged_cargoes
WHERE cap_usd_per_bbl IS NOT NULL
GROUP BY ALL
ORDER BY loading_month, regime, grade, destination_country
