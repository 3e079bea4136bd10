-- Why can verdicts not be given, and how much oil hangs on each reason?
SELECT evidence_kind, regime, verdict, reason_code, cargoes, quantity_bbl, leading_cargoes
FROM marts.unknowns
ORDER BY evidence_kind, regime, verdict, leading_cargoes DESC, reason_code
