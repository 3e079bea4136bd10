-- What does the exemption secure? Month by month, Japan's LNG from Russia beside the crude that a licence let through.
WITH lng AS (
    SELECT month, sum(quantity) AS lng_t, sum(value) AS lng_value_jpy
    FROM staging.japan_customs_lines
    WHERE is_latest AND hs_code LIKE '271111%'
    GROUP BY month
),
lng_of_all AS (
    SELECT month, sum(quantity) AS lng_of_all_origins_t
    FROM staging.japan_customs_all_origins
    WHERE is_latest AND hs_code LIKE '271111%'
    GROUP BY month
),
crude AS (
    SELECT
        strftime(unnest(generate_series(f.period_first, f.period_last, INTERVAL 1 MONTH)), '%Y-%m') AS month,
        f.figure_id,
        f.quantity * u.bbl_per_unit AS bbl
    FROM staging.japan_crude_from_russia f
    JOIN reference.units u ON u.unit = f.quantity_unit
    WHERE f.series = 'customs'
),
exempt AS (
    -- Several regimes judge the same oil: it counts once, with the licences of all of them.
    SELECT
        v.shipment_id AS figure_id,
        max(v.quantity_bbl) AS bbl,
        max(v.price_usd_per_bbl) AS unit_value_usd_per_bbl,
        string_agg(DISTINCT v.regime, ', ' ORDER BY v.regime) AS regimes,
        string_agg(DISTINCT e.licence, ', ' ORDER BY e.licence) AS licences
    FROM marts.shipment_verdicts v
    JOIN reference.exemptions e ON e.id = v.exemption_id
    WHERE v.verdict = 'exempt'
    GROUP BY v.shipment_id
),
crude_by_month AS (
    SELECT
        c.month,
        sum(c.bbl) AS crude_bbl,
        coalesce(sum(e.bbl), 0) AS exempt_crude_bbl,
        sum(e.unit_value_usd_per_bbl * e.bbl) / sum(e.bbl) FILTER (e.unit_value_usd_per_bbl IS NOT NULL)
            AS exempt_unit_value_usd_per_bbl,
        string_agg(DISTINCT e.regimes, ', ') AS exempt_under_regimes,
        string_agg(DISTINCT e.licences, ', ') AS licences
    FROM crude c
    LEFT JOIN exempt e USING (figure_id)
    GROUP BY c.month
),
daily AS (
    SELECT strftime(jpy.rate_date, '%Y-%m') AS month, avg(jpy.units_per_eur / usd.units_per_eur) AS jpy_per_usd
    FROM reference.exchange_rates_daily jpy
    JOIN reference.exchange_rates_daily usd ON usd.rate_date = jpy.rate_date AND usd.currency = 'USD'
    WHERE jpy.currency = 'JPY'
    GROUP BY month
),
rates AS (
    SELECT month, coalesce(monthly.units_per_usd, daily.jpy_per_usd) AS jpy_per_usd
    FROM (SELECT month, units_per_usd FROM reference.exchange_rates_monthly WHERE currency = 'JPY') monthly
    FULL JOIN daily USING (month)
)
SELECT
    month,
    lng_t,
    lng_value_jpy,
    lng_value_jpy / jpy_per_usd AS lng_value_usd,
    lng_value_jpy / jpy_per_usd / nullif(lng_t, 0) AS lng_usd_per_t,
    100 * lng_t / nullif(lng_of_all_origins_t, 0) AS lng_share_pct,
    crude_bbl,
    exempt_crude_bbl,
    exempt_unit_value_usd_per_bbl,
    exempt_under_regimes,
    licences
FROM lng
FULL JOIN crude_by_month USING (month)
LEFT JOIN lng_of_all USING (month)
LEFT JOIN rates USING (month)
ORDER BY month
