-- How far apart are what Japan's customs cleared and what METI counted on arrival, month by month?
-- The two describe the same oil: they are held against each other and never added.
WITH months_of_russia AS (
    -- A row of several months says that there was nothing in any of them.
    SELECT
        f.series,
        strftime(unnest(generate_series(f.period_first, f.period_last, INTERVAL 1 MONTH)), '%Y-%m') AS month,
        f.quantity * u.bbl_per_unit AS bbl
    FROM staging.japan_crude_from_russia f
    JOIN reference.units u ON u.unit = f.quantity_unit
),
kilolitre AS (
    SELECT bbl_per_unit FROM reference.units WHERE unit = 'kl'
),
customs_of_all AS (
    -- The nine-digit lines where they were fetched, else the published quantity of the heading.
    SELECT
        month,
        coalesce(
            sum(quantity) FILTER (hs_code <> '2709'),
            sum(quantity) FILTER (hs_code = '2709')
        ) * (SELECT bbl_per_unit FROM kilolitre) AS bbl
    FROM staging.japan_customs_all_origins
    WHERE is_latest AND hs_code LIKE '2709%'
    GROUP BY month
),
arrivals_of_all AS (
    SELECT month, sum(quantity_kl) * (SELECT bbl_per_unit FROM kilolitre) AS bbl
    FROM staging.japan_crude_by_grade
    WHERE is_latest
    GROUP BY month
),
both_series AS (
    SELECT
        month,
        'RU' AS origin,
        sum(bbl) FILTER (series = 'customs') AS customs_bbl,
        sum(bbl) FILTER (series = 'meti_arrivals') AS arrivals_bbl
    FROM months_of_russia
    GROUP BY month
    UNION ALL
    SELECT month, 'all', c.bbl, a.bbl
    FROM customs_of_all c
    FULL JOIN arrivals_of_all a USING (month)
)
SELECT
    month,
    origin,
    customs_bbl,
    arrivals_bbl,
    arrivals_bbl - customs_bbl AS arrivals_less_customs_bbl,
    100 * (arrivals_bbl - customs_bbl) / nullif(arrivals_bbl, 0) AS difference_pct,
    abs(arrivals_bbl - customs_bbl) > 0.05 * greatest(arrivals_bbl, customs_bbl) AS is_beyond_5_pct,
    CASE WHEN arrivals_bbl - customs_bbl IS NOT NULL THEN
        sum(arrivals_bbl - customs_bbl) OVER (PARTITION BY origin ORDER BY month)
    END AS running_difference_bbl
FROM both_series
ORDER BY origin DESC, month
