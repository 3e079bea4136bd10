-- What does each regime say to one cargo, and why?
SELECT regime, verdict, cap_usd_per_bbl AS cap, coalesce(exemption_id, transition_id) AS rule, reason, confidence
FROM marts.shipment_verdicts
WHERE shipment_id = 'JP-CUSTOMS-2023-02'
ORDER BY regime
