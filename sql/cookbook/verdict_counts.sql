-- How many verdicts of which kind were given, and on what evidence?
SELECT evidence_kind, verdict, sum(cargoes)::BIGINT AS cargo_verdicts
FROM marts.verdict_counts
GROUP BY ALL
ORDER BY ALL
