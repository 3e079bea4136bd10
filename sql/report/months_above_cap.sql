-- In how many months was the official Urals price above the crude cap of each regime?
-- A month in which the cap changed is above only if the price was above every level of that month.
WITH months AS (
    SELECT
        c.regime,
        p.benchmark,
        p.month,
        p.usd_per_bbl,
        min(c.cap_usd_per_bbl) AS lowest_cap_usd_per_bbl,
        max(c.cap_usd_per_bbl) AS highest_cap_usd_per_bbl
    FROM staging.crude_prices_monthly p
    JOIN reference.price_caps c
        ON c.product_class = 'crude'
        AND c.valid_from <= last_day(strptime(p.month || '-01', '%Y-%m-%d')::DATE)
        AND (c.valid_to IS NULL OR c.valid_to > strptime(p.month || '-01', '%Y-%m-%d')::DATE)
    WHERE p.benchmark = 'urals_tax'
    GROUP BY ALL
)
SELECT
    regime,
    benchmark,
    min(month) AS first_month,
    max(month) AS last_month,
    count(*) AS months,
    count(*) FILTER (usd_per_bbl > highest_cap_usd_per_bbl) AS above_cap,
    count(*) FILTER (usd_per_bbl <= lowest_cap_usd_per_bbl) AS at_or_below_cap,
    count(*) FILTER (usd_per_bbl > lowest_cap_usd_per_bbl AND usd_per_bbl <= highest_cap_usd_per_bbl) AS between_levels
FROM months
JOIN reference.regimes r USING (regime)
GROUP BY regime, benchmark, r.rowid
ORDER BY r.rowid
