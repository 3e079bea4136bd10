-- Which vessels carried oil above a cap, how often, and while on the list of that authority?
SELECT
    evidence_kind,
    regime,
    vessel_imo,
    vessel_name,
    cargoes,
    quantity_bbl,
    excess_value_usd AS above_cap_usd,
    cargoes_while_listed
FROM marts.vessel_exposure
WHERE verdict = 'above_cap' AND vessel_imo IS NOT NULL
ORDER BY evidence_kind, regime, above_cap_usd DESC NULLS LAST, vessel_imo
