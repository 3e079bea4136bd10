-- For how much of the declared oil is no insurer named, regime by regime?
SELECT
    regime,
    sum(cargoes)::BIGINT AS cargoes,
    sum(cargoes) FILTER (country IS NULL)::BIGINT AS unnamed_cargoes,
    sum(quantity_bbl) FILTER (country IS NULL) AS unnamed_bbl
FROM marts.provider_exposure
WHERE evidence_kind = 'declared_shipment' AND role = 'insurer_country'
GROUP BY ALL
ORDER BY regime
