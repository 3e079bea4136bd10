-- What did Japan pay for Russian crude beside Brent and Urals of the loading month?
SELECT
    j.customs_months,
    j.unit_value_usd_per_bbl AS customs_value,
    brent.usd_per_bbl AS brent,
    urals.usd_per_bbl AS urals,
    j.unit_value_usd_per_bbl - brent.usd_per_bbl AS against_brent
FROM marts.japan_imports AS j
LEFT JOIN staging.crude_prices_monthly AS brent
    ON brent.benchmark = 'brent' AND brent.month = strftime(j.loading_date, '%Y-%m')
LEFT JOIN staging.crude_prices_monthly AS urals
    ON urals.benchmark = 'urals_tax' AND urals.month = strftime(j.loading_date, '%Y-%m')
WHERE j.regime = 'JP' AND j.priced_bbl > 0
ORDER BY j.loading_date
