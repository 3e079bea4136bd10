-- Which countries' providers served oil above the cap of a regime that covers them?
SELECT regime, role, country, is_covered, cargoes, quantity_bbl, excess_value_usd AS above_cap_usd
FROM marts.provider_exposure
WHERE verdict = 'above_cap' AND is_covered IN ('yes', 'unknown')
ORDER BY regime, role, country
