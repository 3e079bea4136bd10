-- Which transitions and wind-downs has no cargo used?
SELECT t.regime, t.id, t.kind, t.valid_from, t.valid_to, t.instrument, t.confidence
FROM reference.transitions AS t
WHERE t.effect = 'decides' AND t.id NOT IN (SELECT rule_id FROM marts.transitions_used)
ORDER BY t.regime, t.valid_from, t.id
