-- Which countries bought above which cap, exempt or not, and how much money above it?
SELECT
    evidence_kind,
    regime,
    destination_country AS buyer,
    sum(above_cap_cargoes)::BIGINT AS above_cap_cargoes,
    sum(above_cap_bbl) AS above_cap_bbl,
    sum(excess_value_usd) AS above_cap_usd
FROM marts.price_against_cap
GROUP BY ALL
HAVING sum(above_cap_cargoes) > 0
ORDER BY evidence_kind, regime, above_cap_usd DESC NULLS LAST, buyer
