-- What did Japan pay for Russian crude, which cap stood against it, and which licence covered it?
SELECT
    loading_date,
    vessel_name,
    customs_months,
    grade,
    j.regime,
    quantity_bbl,
    priced_bbl,
    unit_value_usd_per_bbl,
    price_low_usd_per_bbl,
    price_high_usd_per_bbl,
    cap_usd_per_bbl,
    verdict,
    licence,
    rule_id,
    confidence
FROM marts.japan_imports j
JOIN reference.regimes r ON r.regime = j.regime
WHERE verdict <> 'out_of_scope'
ORDER BY loading_date, vessel_name, verdict <> 'exempt', r.rowid
