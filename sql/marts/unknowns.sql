-- Which verdicts could not be given, how much oil hangs on them, and why?
-- A verdict may have several reasons; its leading one is the first that it names.
SELECT
    j.evidence_kind,
    j.regime,
    j.verdict,
    reason.code AS reason_code,
    count(*) AS cargoes,
    count(*) FILTER (j.quantity_bbl IS NULL) AS unmeasured_cargoes,
    sum(j.quantity_bbl) AS quantity_bbl,
    count(*) FILTER (reason.place = 1) AS leading_cargoes,
    sum(CASE WHEN reason.place = 1 THEN j.quantity_bbl ELSE 0 * j.quantity_bbl END) AS leading_bbl
FROM marts.judged_cargoes j
CROSS JOIN LATERAL (
    SELECT unnest(j.reason_codes) AS code, generate_subscripts(j.reason_codes, 1) AS place
) AS reason
WHERE j.verdict IN ('indeterminate', 'unpriced')
GROUP BY ALL
ORDER BY j.evidence_kind, j.regime, j.verdict, reason_code
