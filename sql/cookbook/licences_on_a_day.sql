-- Which licences and exemptions held on 15 June 2026, for whom, and until which day?
SELECT
    regime,
    licence,
    coalesce(destination_country, 'any but ' || destination_excluded, 'any') AS destination,
    coalesce(origin_project, grade, 'any') AS oil,
    valid_to - 1 AS last_day,
    effect,
    confidence
FROM reference.exemptions
WHERE effect <> 'never' AND valid_from <= DATE '2026-06-15' AND (valid_to IS NULL OR DATE '2026-06-15' < valid_to)
ORDER BY regime, last_day, id
