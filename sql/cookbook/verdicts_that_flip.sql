-- Which verdicts hang on the choice of exchange rate or density?
SELECT shipment_id, regime, assumption, verdict, alternative_verdict, cap_usd_per_bbl AS cap
FROM marts.verdict_sensitivity
ORDER BY shipment_id, regime, assumption
