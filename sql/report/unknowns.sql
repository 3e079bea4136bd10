-- Where is the answer not known, and why?
-- A verdict may have several reasons and counts under each of them; "any reason" counts it once.
WITH reasons AS (
    SELECT evidence_kind, regime, 'any reason' AS reason, leading_cargoes AS verdicts FROM marts.unknowns
    UNION ALL
    SELECT evidence_kind, regime, reason_code, cargoes FROM marts.unknowns
)
SELECT evidence_kind, reason, regime, sum(verdicts)::BIGINT AS verdicts
FROM reasons
JOIN reference.regimes r USING (regime)
GROUP BY evidence_kind, reason, regime, r.rowid
ORDER BY evidence_kind, reason <> 'any reason', reason, r.rowid
