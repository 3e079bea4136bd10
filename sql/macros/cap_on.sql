-- Which cap bound a class on a day?
CREATE MACRO cap_on(regime, product_class, day) AS TABLE
SELECT
    CASE WHEN reading.is_earlier THEN earlier.id ELSE level.id END AS cap_id,
    CASE WHEN reading.is_earlier THEN earlier.cap_usd_per_bbl ELSE level.cap_usd_per_bbl END AS cap_usd_per_bbl,
    CASE WHEN reading.is_earlier THEN earlier.valid_from ELSE level.valid_from END AS first_day,
    CASE WHEN reading.is_earlier THEN earlier.valid_to ELSE level.valid_to END - 1 AS last_day,
    CASE WHEN reading.is_earlier THEN earlier.instrument ELSE level.instrument END AS instrument,
    CASE
        WHEN reading.is_earlier AND earlier.confidence = 'conflict' THEN 'conflict'
        WHEN reading.is_earlier THEN 'unverified'
        WHEN level.confidence = 'conflict' THEN 'conflict'
        WHEN level.start_doubt = 'conflict' AND asked.on_day < level.certain_from THEN 'conflict'
        WHEN level.start_doubt = 'gap' AND asked.on_day < level.certain_from THEN 'unverified'
        WHEN level.verified_to <= asked.on_day THEN 'unverified'
        ELSE level.confidence
    END AS confidence
-- What is asked is named anew: a column of the same name would hide it.
FROM (SELECT regime AS of_regime, product_class AS of_class, CAST(day AS DATE) AS on_day) AS asked
JOIN reference.price_caps AS level
    ON level.regime = asked.of_regime
    AND level.product_class = asked.of_class
    AND level.valid_from <= asked.on_day
    AND (level.valid_to IS NULL OR asked.on_day < level.valid_to)
-- While the in-force day of a level is not known, the level before it may still hold.
JOIN (VALUES (false), (true)) AS reading(is_earlier)
    ON NOT reading.is_earlier OR (level.start_doubt = 'gap' AND asked.on_day < level.certain_from)
LEFT JOIN reference.price_caps AS earlier
    ON earlier.series = level.series AND earlier.valid_to = level.valid_from
