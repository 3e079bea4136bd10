-- How sure are the verdicts on cargoes in scope, regime by regime?
SELECT
    regime,
    count(*) FILTER (confidence = 'verified') AS verified,
    count(*) FILTER (confidence = 'unverified') AS unverified,
    count(*) FILTER (confidence = 'conflict') AS conflict
FROM marts.shipment_verdicts
WHERE verdict <> 'out_of_scope'
GROUP BY ALL
ORDER BY regime
