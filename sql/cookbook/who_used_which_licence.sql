-- Who bought how much oil under which licence, at what price, month by month?
SELECT
    evidence_kind,
    regime,
    licence,
    destination_country AS buyer,
    loading_month,
    quantity_bbl,
    priced_bbl,
    mean_price_usd_per_bbl AS mean_price,
    cap_usd_per_bbl AS cap,
    compared_bbl,
    excess_value_usd AS above_cap_usd,
    excess_at_most_usd AS above_cap_at_most_usd
FROM marts.exemption_usage
ORDER BY evidence_kind, loading_month, regime, rule_id, destination_country, cap_usd_per_bbl
