-- Which exemptions and transitions for crude stood beside the caps, and when?
WITH rules AS (
    SELECT id, regime, replace(kind, '_', '-') || ' licence' AS kind, licence AS rule, effect, confidence, valid_from, valid_to, product_classes
    FROM reference.exemptions
    UNION ALL
    SELECT
        id,
        regime,
        'transition',
        CASE kind WHEN 'wind_down' THEN 'wind-down at any price' ELSE prior_cap_id || ' stays usable' END,
        effect,
        confidence,
        valid_from,
        valid_to,
        product_classes
    FROM reference.transitions
)
SELECT regime, rules.kind, rules.id AS rule_id, rule, effect, confidence, valid_from, valid_to
FROM rules
JOIN reference.regimes r USING (regime)
WHERE effect <> 'never' AND list_contains(string_split(product_classes, ';'), 'crude')
ORDER BY r.rowid, rules.kind, valid_from, rule_id
