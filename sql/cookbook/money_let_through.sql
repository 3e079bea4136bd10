-- How much oil and money above the cap did each licence and each transition let through?
SELECT
    evidence_kind,
    regime,
    rule_id,
    any_value(instrument) AS instrument,
    sum(cargoes)::BIGINT AS cargoes,
    sum(quantity_bbl) AS quantity_bbl,
    sum(compared_bbl) AS compared_bbl,
    sum(excess_value_usd) AS above_cap_usd,
    sum(excess_at_most_usd) AS above_cap_at_most_usd
FROM (
    FROM marts.exemption_usage
    UNION ALL BY NAME
    FROM marts.transitions_used
)
GROUP BY evidence_kind, regime, rule_id
ORDER BY evidence_kind, regime, rule_id
