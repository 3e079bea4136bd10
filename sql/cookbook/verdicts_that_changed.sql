-- Which verdicts have changed since the cargo was loaded, and which later rule changed them?
SELECT shipment_id, regime, known_on, verdict_then, verdict_now, changed_by, changed_by_published_on
FROM marts.verdict_changes
ORDER BY known_on, shipment_id, regime
