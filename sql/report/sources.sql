-- Who published the figures that are shown, where can they be read, and on what terms?
WITH used AS (
    SELECT 'crude prices' AS used_for, source FROM staging.crude_prices_monthly WHERE benchmark IN ('brent', 'urals_tax')
    UNION ALL
    SELECT 'crude prices', source FROM staging.crude_price_points
    UNION ALL
    SELECT 'customs figures', source FROM staging.japan_crude_from_russia
    UNION ALL
    SELECT 'enforcement cases', source FROM staging.enforcement_cases
    UNION ALL
    SELECT 'conversions', source FROM reference.exchange_rates_daily
    UNION ALL
    SELECT 'conversions', source FROM reference.exchange_rates_monthly
    UNION ALL
    SELECT 'conversions', source FROM reference.grades
    UNION ALL
    SELECT 'conversions', source FROM reference.units
    UNION ALL
    SELECT 'freight and insurance', source FROM reference.freight_points
)
SELECT used_for, source AS source_id, publisher, count(*) AS figures, licence, reference
FROM used
JOIN reference.figure_sources ON source_id = source
GROUP BY ALL
UNION ALL
SELECT 'declared shipments', file, 'shipments file handed in', count(*), NULL, NULL
FROM staging.declared_shipments
GROUP BY file
UNION ALL
SELECT 'fetched data sets', source_name, publisher, rows, licence, attribution
FROM quality.source_freshness
WHERE rows > 0
ORDER BY used_for, figures DESC, source_id
