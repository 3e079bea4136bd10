-- What did Japan pay for Russian oil, which cap applied, and which rule let it through?
-- One cargo may be cleared over two customs months; the months are put together again by vessel and loading day.
WITH rules AS (
    SELECT id, licence, instrument FROM reference.exemptions
    UNION ALL
    SELECT id, NULL, instrument FROM reference.transitions
),
cleared AS (
    SELECT
        j.loading_first AS loading_date,
        j.vessel_name,
        string_agg(DISTINCT strftime(f.period_first, '%Y-%m'), ', ' ORDER BY strftime(f.period_first, '%Y-%m'))
            AS customs_months,
        min(j.grade) AS grade,
        j.regime,
        sum(j.quantity_bbl) AS quantity_bbl,
        sum(j.priced_bbl) AS priced_bbl,
        sum(j.value_usd) AS value_usd,
        sum(j.value_usd) / sum(j.priced_bbl) AS unit_value_usd_per_bbl,
        min(j.price_low_usd_per_bbl) AS price_low_usd_per_bbl,
        max(j.price_high_usd_per_bbl) AS price_high_usd_per_bbl,
        min(j.cap_usd_per_bbl) AS cap_usd_per_bbl,
        string_agg(DISTINCT j.verdict, ', ' ORDER BY j.verdict) AS verdict,
        string_agg(
            DISTINCT coalesce(j.exemption_id, j.transition_id), ', ' ORDER BY coalesce(j.exemption_id, j.transition_id)
        ) AS rule_id,
        string_agg(DISTINCT r.licence, ', ' ORDER BY r.licence) AS licence,
        string_agg(DISTINCT r.instrument, '; ' ORDER BY r.instrument) AS instrument,
        sum((j.price_usd_per_bbl - j.cap_usd_per_bbl) * j.quantity_bbl) AS above_cap_usd,
        CASE max(CASE j.confidence WHEN 'verified' THEN 0 WHEN 'unverified' THEN 1 ELSE 2 END)
            WHEN 0 THEN 'verified' WHEN 1 THEN 'unverified' ELSE 'conflict' END AS confidence
    FROM marts.judged_cargoes j
    JOIN staging.japan_crude_from_russia f ON f.figure_id = j.shipment_id
    LEFT JOIN rules r ON r.id = coalesce(j.exemption_id, j.transition_id)
    GROUP BY ALL
)
SELECT
    * EXCLUDE (above_cap_usd),
    CASE WHEN above_cap_usd > 0 THEN above_cap_usd WHEN above_cap_usd <= 0 THEN 0 END AS excess_at_customs_value_usd
FROM cleared
ORDER BY loading_date, regime
