-- Does the rulebook find what the authorities found?
SELECT published_on, vessel_name, grade, price_wording AS price, regime, cap_usd_per_bbl AS cap, verdict, confidence
FROM marts.enforcement_verdicts
ORDER BY published_on, case_id
