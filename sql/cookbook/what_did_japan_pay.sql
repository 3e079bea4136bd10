-- What did Japan pay for Russian crude since the cap, which cap applied, and which rule let it through?
SELECT
    customs_months,
    regime,
    round(quantity_bbl)::BIGINT AS barrels,
    round(unit_value_usd_per_bbl, 2) AS customs_value_usd_per_bbl,
    cap_usd_per_bbl AS cap,
    verdict,
    coalesce(licence || ' (' || rule_id || ')', '') AS let_through_by,
    CASE WHEN verdict <> 'out_of_scope' THEN round(excess_at_customs_value_usd)::BIGINT END AS usd_above_cap,
    confidence
FROM marts.japan_imports
WHERE loading_date >= (SELECT min(valid_from) - 30 FROM reference.price_caps)
ORDER BY loading_date, verdict = 'out_of_scope', verdict <> 'exempt', regime
