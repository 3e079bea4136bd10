-- How old is the newest figure of each published series?
WITH release AS (
    SELECT coalesce(known_on, built_at::DATE) AS day FROM quality.releases
),
figures AS (
    SELECT 'crude price, ' || benchmark AS series, last_day(strptime(month || '-01', '%Y-%m-%d')::DATE) AS last_date
    FROM staging.crude_prices_monthly
    UNION ALL
    SELECT 'price of a grade, ' || grade, last_date FROM staging.crude_price_points
    UNION ALL
    SELECT 'imports of Japan, ' || series, period_last FROM staging.japan_crude_from_russia
    UNION ALL
    SELECT 'customs lines, ' || data_set, last_day(strptime(month || '-01', '%Y-%m-%d')::DATE) FROM staging.customs_lines
    UNION ALL
    SELECT 'enforcement cases, ' || authority, published_on FROM staging.enforcement_cases
    UNION ALL
    SELECT 'exchange rates, daily', rate_date FROM reference.exchange_rates_daily
    UNION ALL
    SELECT 'exchange rates, monthly', last_day(strptime(month || '-01', '%Y-%m-%d')::DATE)
    FROM reference.exchange_rates_monthly
    UNION ALL
    SELECT 'freight and insurance', last_date FROM reference.freight_points
)
SELECT series, count(*) AS figures, max(last_date) AS newest_is_for, greatest((SELECT day FROM release) - max(last_date), 0) AS days_old
FROM figures
GROUP BY series
ORDER BY days_old DESC, series
