-- Which vessels carried how much oil, with which verdict, and while listed by the authority of the regime?
SELECT
    j.evidence_kind,
    j.regime,
    j.vessel_imo,
    arg_max(j.vessel_name, j.loading_last) AS vessel_name,
    j.verdict,
    min(j.loading_first) AS first_loading_date,
    max(j.loading_last) AS last_loading_date,
    count(*) AS cargoes,
    count(*) FILTER (l.status = 'listed') AS cargoes_while_listed,
    count(*) FILTER (j.quantity_bbl IS NULL) AS unmeasured_cargoes,
    count(*) FILTER (j.is_above_cap) AS above_cap_cargoes,
    sum(j.quantity_bbl) AS quantity_bbl,
    sum(j.compared_bbl) AS compared_bbl,
    sum(j.above_cap_bbl) AS above_cap_bbl,
    sum(j.excess_value_usd) AS excess_value_usd
FROM marts.judged_cargoes j
LEFT JOIN marts.listed_vessel_cargoes l ON l.shipment_id = j.shipment_id AND l.authority = j.regime
GROUP BY
    j.evidence_kind,
    j.regime,
    j.vessel_imo,
    -- An IMO number is one vessel under all its names; without it the name is all there is.
    CASE WHEN j.vessel_imo IS NULL THEN j.vessel_name END,
    j.verdict
ORDER BY j.evidence_kind, j.regime, j.vessel_imo, vessel_name, j.verdict
