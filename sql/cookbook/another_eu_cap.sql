-- How much oil that the European cap reaches would be above 44.10 dollars, exempt or not?
SELECT evidence_kind, is_exempt, cargoes, above_cargoes, above_bbl, excess_at_least_usd, excess_at_most_usd
FROM what_if_cap(44.1, regime := 'EU')
WHERE product_class = 'crude'
ORDER BY evidence_kind, is_exempt
