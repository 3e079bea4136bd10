-- Which cargoes were loaded on a vessel that was on a sanctions list that day, and what was the verdict?
SELECT l.shipment_id, l.vessel_name, l.vessel_imo, l.authority, l.status, l.listed_on, l.loading_first, v.verdict
FROM marts.listed_vessel_cargoes AS l
LEFT JOIN marts.shipment_verdicts AS v ON v.shipment_id = l.shipment_id AND v.regime = l.authority
WHERE l.status IN ('listed', 'possibly_listed')
ORDER BY l.loading_first, l.shipment_id, l.authority
