-- One pass over the shipments: price, legs, decision, comparison. $verdicts is the Parquet file to write.
COPY (
    WITH priced AS (
        SELECT shipment_id, oil, nexus, destination_country, insurer_country, owner_country, manager_country, flag,
               financier_country, broker_country, customs_broker_country, classification_country,
               loading_date, discharge_date, contract_date, has_itemised_costs, lacks_costs,
               quantity * bbl_per_unit AS quantity_bbl,
               (value - itemised_costs) * rate AS net_usd,
               net_usd / (quantity * high_bbl_per_unit) - estimated_costs AS floor_usd_per_bbl,
               CASE WHEN floor_usd_per_bbl IS NOT NULL THEN greatest(floor_usd_per_bbl, 0.0) END AS price_low_usd_per_bbl,
               net_usd / (quantity * low_bbl_per_unit) AS price_high_usd_per_bbl,
               coalesce(1e-12 * value * rate / (quantity * low_bbl_per_unit), 0.0) AS tolerance,
               CASE WHEN lacks_costs THEN (price_low_usd_per_bbl + price_high_usd_per_bbl) / 2
                    ELSE net_usd / quantity_bbl END AS price_usd_per_bbl
        FROM (
            SELECT s.*, o.oil, r.rate,
                   coalesce(u.bbl_per_unit, u.t_per_unit * o.low_bbl_per_t) AS low_bbl_per_unit,
                   coalesce(u.bbl_per_unit, u.t_per_unit * o.bbl_per_t) AS bbl_per_unit,
                   coalesce(u.bbl_per_unit, u.t_per_unit * o.high_bbl_per_t) AS high_bbl_per_unit,
                   coalesce(freight_cost, 0.0) + coalesce(insurance_cost, 0.0) + coalesce(other_cost, 0.0) AS itemised_costs,
                   freight_cost IS NOT NULL OR insurance_cost IS NOT NULL OR other_cost IS NOT NULL AS has_itemised_costs,
                   i.contains_freight AND freight_cost IS NULL AS needs_freight,
                   i.contains_insurance AND insurance_cost IS NULL AS needs_insurance,
                   coalesce(needs_freight OR needs_insurance, false) AS lacks_costs,
                   CASE WHEN needs_freight THEN f.top_freight ELSE 0.0 END
                   + CASE WHEN needs_insurance THEN
                       (SELECT max(coalesce(high_usd_per_bbl, low_usd_per_bbl))
                        FROM read_csv('$data/figures/freight_points.csv') WHERE component = 'insurance')
                     ELSE 0.0 END AS estimated_costs
            FROM read_parquet('$shipments') s
            JOIN oils o ON o.hs_code = s.hs_code AND o.grade IS NOT DISTINCT FROM s.grade AND o.origin_country = s.origin_country
             AND o.origin_project IS NOT DISTINCT FROM s.origin_project AND o.destination_country = s.destination_country
             AND o.transport_mode = s.transport_mode
            JOIN read_csv('$data/reference/units.csv') u ON u.unit = s.quantity_unit
            JOIN read_csv('$data/reference/incoterms.csv') i ON i.incoterm = s.incoterm
            LEFT JOIN rates r ON r.currency = s.currency AND r.day = s.loading_date
            LEFT JOIN freights f ON f.destination_country = s.destination_country AND f.day = s.loading_date
        )
    ),
    judged AS (
        SELECT p.*, l.nexus_basis, x.* EXCLUDE (kind, loading_era, latest_era, is_discharge_known, contract_era),
               coalesce(p.discharge_date, p.loading_date) AS level_date,
               price_low_usd_per_bbl IS NOT NULL OR price_high_usd_per_bbl IS NOT NULL AS is_priced,
               coalesce(price_high_usd_per_bbl, 'inf'::DOUBLE) - tolerance AS most,
               coalesce(price_low_usd_per_bbl, '-inf'::DOUBLE) - tolerance AS least
        FROM priced p
        JOIN legs l ON l.nexus IS NOT DISTINCT FROM p.nexus AND l.destination_country = p.destination_country
         AND l.insurer_country IS NOT DISTINCT FROM p.insurer_country AND l.owner_country IS NOT DISTINCT FROM p.owner_country
         AND l.manager_country IS NOT DISTINCT FROM p.manager_country AND l.flag IS NOT DISTINCT FROM p.flag
         AND l.financier_country IS NOT DISTINCT FROM p.financier_country AND l.broker_country IS NOT DISTINCT FROM p.broker_country
         AND l.customs_broker_country IS NOT DISTINCT FROM p.customs_broker_country
         AND l.classification_country IS NOT DISTINCT FROM p.classification_country
        JOIN oil_kinds k ON k.oil = p.oil AND k.regime = l.regime
        JOIN voyages v ON v.day = p.loading_date
        LEFT JOIN calendar d ON d.day = p.discharge_date
        LEFT JOIN contracts c ON c.day = p.contract_date
        JOIN decisions x ON x.kind = k.kind AND x.loading_era = v.era
         AND x.latest_era = coalesce(d.era, v.latest_era) AND x.is_discharge_known = (p.discharge_date IS NOT NULL)
         AND x.contract_era IS NOT DISTINCT FROM c.contract_era
    ),
    compared AS (
        SELECT *, coalesce(most <= lowest_cap, false) AS is_covered,
               CASE WHEN is_only_out THEN 'out_of_scope'
                    WHEN is_only_exempt THEN 'exempt'
                    WHEN NOT is_only_capped THEN 'indeterminate'
                    WHEN NOT is_priced THEN 'unpriced'
                    WHEN is_covered THEN 'within_cap'
                    WHEN is_exemption_open THEN 'indeterminate'
                    WHEN least > highest_cap AND most <= lowest_prior THEN 'within_prior_cap'
                    WHEN least > highest_prior THEN 'above_cap'
                    ELSE 'indeterminate' END AS verdict,
               CASE WHEN is_priced AND NOT has_out THEN
                    CASE WHEN is_covered THEN false WHEN least > highest_cap THEN true END END AS is_above_cap,
               cap_usd_per_bbl - price_usd_per_bbl AS margin
        FROM judged
    )
    SELECT shipment_id, regime, nexus_basis, verdict, product_class, level_date, cap_id, cap_usd_per_bbl,
           price_usd_per_bbl, price_low_usd_per_bbl, price_high_usd_per_bbl,
           CASE WHEN price_high_usd_per_bbl IS NOT NULL THEN
                CASE WHEN lacks_costs THEN 'cif_less_estimated_freight'
                     WHEN has_itemised_costs THEN 'invoice_less_itemised_costs' ELSE 'invoice_fob' END END AS price_basis,
           CASE WHEN abs(margin) <= tolerance THEN 0.0 ELSE margin END AS margin_usd_per_bbl, quantity_bbl,
           CASE WHEN NOT is_above_cap THEN 0.0
                WHEN is_above_cap THEN (coalesce(price_usd_per_bbl, price_low_usd_per_bbl) - cap_usd_per_bbl) * quantity_bbl
           END AS excess_value_usd,
           is_above_cap,
           CASE verdict WHEN 'within_prior_cap' THEN prior_id WHEN 'exempt' THEN wind_down_id END AS transition_id,
           CASE verdict WHEN 'exempt' THEN licence_id END AS exemption_id
    FROM compared
) TO '$verdicts' (FORMAT parquet, COMPRESSION zstd);
