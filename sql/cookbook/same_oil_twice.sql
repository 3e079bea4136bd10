-- Which declared cargoes may be the same oil as a customs flow or a published case, and must not be added to it?
SELECT
    a.shipment_id AS declared,
    b.shipment_id AS other,
    b.evidence_kind,
    a.vessel_imo,
    a.loading_first AS declared_loading,
    b.loading_first AS other_loading_from,
    b.loading_last AS other_loading_to,
    a.quantity_bbl AS declared_bbl,
    b.quantity_bbl AS other_bbl
FROM staging.cargoes AS a
JOIN staging.cargoes AS b
    ON b.vessel_imo = a.vessel_imo
    AND a.loading_first BETWEEN b.loading_first - 3 AND b.loading_last + 3
WHERE a.evidence_kind = 'declared_shipment' AND b.evidence_kind <> 'declared_shipment'
ORDER BY declared, other
