-- What did the caps say to a price on a level date, whatever else may hold for the cargo?
CREATE MACRO verdict_at(price, regime, product_class, day) AS TABLE
SELECT
    levels.cap_id,
    levels.lowest_usd_per_bbl AS cap_usd_per_bbl,
    CASE
        WHEN levels.may_be_none THEN NULL
        WHEN asked.compared_usd_per_bbl <= levels.lowest_usd_per_bbl THEN false
        WHEN asked.compared_usd_per_bbl > levels.highest_usd_per_bbl THEN true
    END AS is_above_cap,
    CASE
        WHEN NOT levels.is_known THEN NULL
        WHEN levels.readings = 0 THEN 'out_of_scope'
        WHEN levels.may_be_none THEN 'indeterminate'
        WHEN asked.compared_usd_per_bbl IS NULL THEN 'unpriced'
        WHEN asked.compared_usd_per_bbl <= levels.lowest_usd_per_bbl THEN 'within_cap'
        WHEN asked.compared_usd_per_bbl > levels.highest_usd_per_bbl AND relief.rules = 0 THEN 'above_cap'
        ELSE 'indeterminate'
    END AS verdict,
    relief.transition_ids,
    relief.conditions,
    levels.confidence
FROM (
    SELECT
        -- The rounding of binary arithmetic is forgiven, as the judge forgives it (J-13).
        CAST(price AS DOUBLE) * (1 - 1e-12) AS compared_usd_per_bbl,
        regime AS of_regime,
        product_class AS of_class,
        CAST(day AS DATE) AS on_day
) AS asked
CROSS JOIN LATERAL (
    SELECT
        count(*) AS readings,
        count(*) > count(caps.cap_id) AS may_be_none,
        min(caps.cap_usd_per_bbl) AS lowest_usd_per_bbl,
        max(caps.cap_usd_per_bbl) AS highest_usd_per_bbl,
        arg_min(caps.cap_id, caps.cap_usd_per_bbl) AS cap_id,
        CASE max(CASE caps.confidence WHEN 'verified' THEN 0 WHEN 'unverified' THEN 1 ELSE 2 END)
            WHEN 0 THEN 'verified' WHEN 1 THEN 'unverified' WHEN 2 THEN 'conflict' END AS confidence,
        EXISTS (
            FROM reference.price_caps AS any_cap
            WHERE any_cap.regime = asked.of_regime AND any_cap.product_class = asked.of_class
        ) AS is_known
    FROM cap_on(asked.of_regime, asked.of_class, asked.on_day) AS caps
) AS levels
CROSS JOIN LATERAL (
    SELECT
        count(*) AS rules,
        string_agg(rule.id, ';' ORDER BY rule.id) AS transition_ids,
        string_agg(
            rule.id || ': ' || concat_ws(
                ' and ',
                'contract before ' || rule.contract_before,
                'loaded before ' || rule.loaded_before,
                'destination ' || rule.destination_country,
                CASE WHEN rule.effect = 'open' THEN 'if it applies at all' END
            ),
            '; ' ORDER BY rule.id
        ) AS conditions
    FROM reference.transitions AS rule
    LEFT JOIN reference.price_caps AS prior ON prior.id = rule.prior_cap_id
    WHERE rule.regime = asked.of_regime
        AND list_contains(string_split(rule.product_classes, ';'), asked.of_class)
        AND rule.effect <> 'never'
        AND rule.valid_from <= asked.on_day
        AND (rule.valid_to IS NULL OR asked.on_day < rule.valid_to)
        AND asked.compared_usd_per_bbl > levels.lowest_usd_per_bbl
        AND (rule.kind = 'wind_down' OR asked.compared_usd_per_bbl <= prior.cap_usd_per_bbl)
) AS relief
