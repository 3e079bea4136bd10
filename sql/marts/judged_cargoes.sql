-- Every verdict beside the cargo it is about, with the amounts that the other marts sum up.
SELECT
    v.shipment_id,
    v.regime,
    c.evidence_kind,
    CASE
        WHEN date_trunc('month', c.loading_first) = date_trunc('month', c.loading_last)
            THEN date_trunc('month', c.loading_first)::DATE
    END AS loading_month,
    c.loading_first,
    c.loading_last,
    coalesce(g.grade, c.grade_key) AS grade,
    c.destination_country,
    c.vessel_imo,
    c.vessel_name,
    c.insurer_country,
    c.owner_country,
    c.manager_country,
    c.flag,
    c.financier_country,
    c.broker_country,
    c.customs_broker_country,
    c.classification_country,
    v.verdict,
    v.product_class,
    v.cap_usd_per_bbl,
    v.exemption_id,
    v.transition_id,
    v.reason_codes,
    v.confidence,
    v.price_usd_per_bbl,
    v.price_low_usd_per_bbl,
    v.price_high_usd_per_bbl,
    v.is_above_cap,
    v.quantity_bbl,
    CASE WHEN v.price_usd_per_bbl IS NULL THEN 0 * v.quantity_bbl ELSE v.quantity_bbl END AS priced_bbl,
    v.price_usd_per_bbl * v.quantity_bbl AS value_usd,
    CASE WHEN v.is_above_cap IS NULL THEN 0 * v.quantity_bbl ELSE v.quantity_bbl END AS compared_bbl,
    CASE WHEN v.is_above_cap THEN v.quantity_bbl ELSE 0 * v.quantity_bbl END AS above_cap_bbl,
    v.excess_value_usd,
    CASE
        WHEN v.price_usd_per_bbl IS NULL THEN NULL
        WHEN v.is_above_cap = false OR v.price_high_usd_per_bbl <= v.cap_usd_per_bbl THEN 0 * v.quantity_bbl
        ELSE (v.price_high_usd_per_bbl - v.cap_usd_per_bbl) * v.quantity_bbl
    END AS excess_at_most_usd
FROM marts.shipment_verdicts v
JOIN staging.cargoes c USING (shipment_id)
LEFT JOIN reference.grades g ON regexp_replace(lower(g.grade), '[^0-9a-z]', '', 'g') = c.grade_key
ORDER BY v.shipment_id, v.regime
