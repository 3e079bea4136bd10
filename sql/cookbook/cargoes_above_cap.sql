-- Which cargoes were sold above a cap with nothing to cover them, and how far above?
SELECT
    evidence_kind,
    shipment_id,
    regime,
    vessel_name,
    destination_country AS buyer,
    price_low_usd_per_bbl AS price_at_least,
    cap_usd_per_bbl AS cap,
    excess_value_usd AS above_cap_usd,
    confidence
FROM marts.judged_cargoes
WHERE verdict = 'above_cap'
ORDER BY evidence_kind, above_cap_usd DESC NULLS LAST, shipment_id, regime
