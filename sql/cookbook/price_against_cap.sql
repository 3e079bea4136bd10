-- What did declared crude cost against the cap of the United States, month by month and grade by grade?
SELECT
    loading_month,
    grade,
    sum(quantity_bbl) AS quantity_bbl,
    sum(priced_bbl) AS priced_bbl,
    sum(value_usd) / sum(priced_bbl) AS mean_price,
    cap_usd_per_bbl AS cap,
    sum(above_cap_bbl) AS above_cap_bbl
FROM marts.price_against_cap
WHERE evidence_kind = 'declared_shipment' AND regime = 'US' AND product_class = 'crude'
GROUP BY ALL
ORDER BY loading_month, grade
