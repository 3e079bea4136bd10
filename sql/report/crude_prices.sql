-- What did Russian crude cost, and Brent, since three months before the first crude cap?
WITH first_cap AS (
    SELECT min(valid_from) AS day FROM reference.price_caps WHERE product_class = 'crude'
),
prices AS (
    SELECT
        'monthly mean' AS kind,
        benchmark AS series,
        strptime(month || '-01', '%Y-%m-%d')::DATE AS first_date,
        last_day(strptime(month || '-01', '%Y-%m-%d')::DATE) AS last_date,
        usd_per_bbl AS low_usd_per_bbl,
        usd_per_bbl AS high_usd_per_bbl,
        basis,
        source
    FROM staging.crude_prices_monthly
    WHERE benchmark IN ('brent', 'urals_tax')
    UNION ALL
    SELECT 'price of a grade', grade, first_date, last_date, low_usd_per_bbl, high_usd_per_bbl, basis, source
    FROM staging.crude_price_points
)
SELECT prices.*
FROM prices
JOIN first_cap ON first_date >= date_trunc('month', first_cap.day - INTERVAL 3 MONTH)
ORDER BY kind, series, first_date
