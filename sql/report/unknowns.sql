-- Where is the answer not known, and why?
-- A verdict may have several reasons and counts under each of them; "any reason" counts it once.
WITH unknown AS (
    SELECT c.evidence_kind, v.regime, v.reason_codes
    FROM marts.shipment_verdicts v
    JOIN staging.cargoes c USING (shipment_id)
    WHERE v.verdict IN ('indeterminate', 'unpriced')
),
reasons AS (
    SELECT evidence_kind, regime, 'any reason' AS reason FROM unknown
    UNION ALL
    SELECT evidence_kind, regime, unnest(list_distinct(reason_codes)) FROM unknown
)
SELECT evidence_kind, reason, regime, count(*) AS verdicts
FROM reasons
JOIN reference.regimes r USING (regime)
GROUP BY evidence_kind, reason, regime, r.rowid
ORDER BY evidence_kind, reason <> 'any reason', reason, r.rowid
