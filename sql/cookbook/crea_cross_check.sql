-- How do your declared cargoes of crude compare with CREA's estimates, by destination and month of loading?
WITH declared AS (
    SELECT destination_country, strftime(loading_first, '%Y-%m') AS month, sum(quantity_bbl) AS declared_bbl
    FROM staging.cargoes
    WHERE evidence_kind = 'declared_shipment' AND hs_code LIKE '2709%'
    GROUP BY ALL
),
estimated AS (
    SELECT destination_country, strftime(departed_on, '%Y-%m') AS month, sum(estimated_t) AS crea_t
    FROM staging.crea_voyages
    WHERE commodity = 'crude_oil' AND origin_country = 'RU'
    GROUP BY ALL
)
SELECT
    destination_country,
    month,
    declared_bbl,
    crea_t * (SELECT bbl_per_t FROM reference.grades WHERE kind = 'generic_crude') AS crea_bbl
FROM declared
FULL JOIN estimated USING (destination_country, month)
ORDER BY destination_country, month
