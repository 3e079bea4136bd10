-- Which level held when, by which instrument, and what replaced it?
SELECT
    cap.regime,
    cap.product_class,
    cap.id AS cap_id,
    cap.cap_usd_per_bbl,
    cap.valid_from AS first_day,
    cap.valid_to - 1 AS last_day,
    cap.certain_from,
    cap.start_doubt,
    cap.verified_to,
    cap.review_due_on,
    cap.published_on,
    cap.instrument,
    cap.confidence,
    earlier.id AS replaces_cap_id,
    round(cap.cap_usd_per_bbl - earlier.cap_usd_per_bbl, 6) AS step_usd_per_bbl,
    later.id AS replaced_by_cap_id,
    later.cap_usd_per_bbl AS replaced_by_usd_per_bbl
FROM reference.price_caps cap
LEFT JOIN reference.price_caps earlier ON earlier.series = cap.series AND earlier.valid_to = cap.valid_from
LEFT JOIN reference.price_caps later ON later.series = cap.series AND later.valid_from = cap.valid_to
ORDER BY cap.regime, cap.product_class, cap.valid_from
