-- The cap of a regime and class in force on a day: SELECT * FROM cap_on('EU', 'crude', DATE '2026-02-01')
CREATE MACRO marts.cap_on(regime_code, class_name, day) AS TABLE
    SELECT id AS cap_id, cap_usd_per_bbl, valid_from, valid_to, instrument, confidence
    FROM reference.price_caps
    WHERE regime = regime_code
        AND product_class = class_name
        AND valid_from <= day
        AND (valid_to IS NULL OR day < valid_to)
