-- Which crude cap did each regime have on which days, and how sure is it?
-- A level is cut where its certainty changes: at the start while sources disagree or the day is not known, and
-- from the day on which a later level may exist that was not found.
WITH parts AS (
    SELECT
        id,
        valid_from AS from_day,
        certain_from AS to_day,
        CASE start_doubt WHEN 'conflict' THEN 'conflict' ELSE 'unverified' END AS confidence
    FROM reference.price_caps
    WHERE start_doubt IS NOT NULL
    UNION ALL
    SELECT id, coalesce(certain_from, valid_from), least(verified_to, valid_to), confidence
    FROM reference.price_caps
    UNION ALL
    SELECT id, verified_to, valid_to, 'unverified'
    FROM reference.price_caps
    WHERE verified_to IS NOT NULL
)
SELECT
    regime,
    split_part(r.authority, ':', 1) AS jurisdiction,
    c.id AS cap_id,
    c.cap_usd_per_bbl,
    p.from_day AS valid_from,
    p.to_day AS valid_to,
    p.confidence,
    c.instrument
FROM parts p
JOIN reference.price_caps c USING (id)
JOIN reference.regimes r USING (regime)
WHERE c.product_class = 'crude' AND (p.to_day IS NULL OR p.from_day < p.to_day)
ORDER BY r.rowid, p.from_day
