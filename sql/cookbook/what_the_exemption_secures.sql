-- What does the Sakhalin-2 exemption secure: how much gas came from Russia beside the crude that it let through?
SELECT
    month,
    round(lng_t)::BIGINT AS lng_tonnes,
    round(lng_share_pct, 1) AS share_of_japans_lng_pct,
    round(lng_value_usd)::BIGINT AS lng_usd,
    round(exempt_crude_bbl)::BIGINT AS exempt_crude_barrels,
    round(exempt_unit_value_usd_per_bbl, 2) AS customs_value_usd_per_bbl,
    exempt_under_regimes,
    licences
FROM marts.japan_energy_from_russia
WHERE lng_t > 0 OR exempt_crude_bbl > 0
ORDER BY month
