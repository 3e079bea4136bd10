-- Which exemptions are in force on the day of the release or later, which end first, and which are in doubt?
WITH release AS (
    SELECT coalesce(known_on, built_at::DATE) AS day FROM quality.releases
)
SELECT
    e.regime,
    e.licence,
    e.id AS rule_id,
    e.effect,
    e.confidence,
    e.valid_from,
    e.valid_to,
    e.valid_to - release.day AS days_left,
    (
        SELECT min(later.id)
        FROM reference.exemptions later
        WHERE later.series = e.series
            AND later.valid_from <= e.valid_to
            AND (later.valid_to IS NULL OR later.valid_to > e.valid_to)
    ) AS followed_by,
    e.instrument
FROM reference.exemptions e
JOIN reference.regimes r USING (regime)
CROSS JOIN release
WHERE e.valid_to IS NULL OR e.valid_to > release.day
ORDER BY e.effect, e.valid_to NULLS LAST, r.rowid, rule_id
