-- The law is read once for each situation: a kind of leg and the eras of its days.
CREATE TEMP TABLE situations AS
SELECT row_number() OVER () AS situation, *
FROM (
    SELECT DISTINCT kind, era AS loading_era, discharge_era, latest_era, contract_era
    FROM (
        SELECT oil, nexus, s.destination_country, insurer_country, owner_country, manager_country, flag,
               financier_country, broker_country, customs_broker_country, classification_country,
               v.era, d.era AS discharge_era, CASE WHEN d.era IS NULL THEN v.latest_era ELSE d.era END AS latest_era, contract_era
        FROM read_parquet('$shipments') s
        JOIN oils o ON o.hs_code = s.hs_code AND o.grade IS NOT DISTINCT FROM s.grade AND o.origin_country = s.origin_country
         AND o.origin_project IS NOT DISTINCT FROM s.origin_project AND o.destination_country = s.destination_country
         AND o.transport_mode = s.transport_mode
        JOIN voyages v ON v.day = s.loading_date
        LEFT JOIN calendar d ON d.day = s.discharge_date
        LEFT JOIN contracts c ON c.day = s.contract_date
    ) s
    JOIN legs l ON l.nexus IS NOT DISTINCT FROM s.nexus AND l.destination_country = s.destination_country
     AND l.insurer_country IS NOT DISTINCT FROM s.insurer_country AND l.owner_country IS NOT DISTINCT FROM s.owner_country
     AND l.manager_country IS NOT DISTINCT FROM s.manager_country AND l.flag IS NOT DISTINCT FROM s.flag
     AND l.financier_country IS NOT DISTINCT FROM s.financier_country AND l.broker_country IS NOT DISTINCT FROM s.broker_country
     AND l.customs_broker_country IS NOT DISTINCT FROM s.customs_broker_country
     AND l.classification_country IS NOT DISTINCT FROM s.classification_country
    JOIN oil_kinds k ON k.oil = s.oil AND k.regime = l.regime
);

-- Every reading: a class that the code leaves open, a level of each era the discharge may lie in, a doubtful start.
CREATE TEMP TABLE readings AS
SELECT row_number() OVER (ORDER BY situation, s.product_class DESC, e.era, l.reading) AS reading,
       situation, s.regime, rules, s.product_class, loading_era, e.era AS level_era, discharge_era, contract_era,
       l.cap_id, l.cap_usd_per_bbl, l.first_day
FROM (
    SELECT situation, regime, rules, unnest(classes) AS product_class, loading_era, discharge_era, contract_era,
           coalesce(discharge_era, loading_era) AS first_era, latest_era
    FROM situations JOIN kinds USING (kind) WHERE NOT is_out
) s
JOIN eras e ON e.era BETWEEN s.first_era AND s.latest_era
LEFT JOIN levels l ON l.regime = s.regime AND l.product_class = s.product_class
 AND l.from_day <= e.first_day AND e.first_day < l.to_day;

CREATE TEMP TABLE reliefs AS
WITH era_days AS (SELECT era, first_day AS era_day FROM eras),
capped AS (
    SELECT r.*, level.era_day AS level_day, loading.era_day AS loading_day
    FROM readings r JOIN era_days level ON level.era = level_era JOIN era_days loading ON loading.era = loading_era
    WHERE cap_id IS NOT NULL
),
found AS (
    SELECT reading, rule_id, true AS is_transition, rank, prior_usd_per_bbl,
           CASE WHEN t.contract_before IS NOT NULL AND contract_era IS NULL THEN 'open' ELSE effect END AS effect
    FROM capped c JOIN transitions t ON t.regime = c.regime AND t.product_class = c.product_class
    LEFT JOIN contract_rules b ON b.contract_before = t.contract_before
    WHERE list_contains(rules, rule_id) AND level_day >= from_day AND level_day < to_day
      AND (loaded_before IS NULL OR loading_day < loaded_before)
      AND (t.contract_before IS NULL OR contract_era IS NULL OR contract_era < before_era)
    UNION ALL
    SELECT reading, rule_id, false, rank, NULL, effect
    FROM capped c JOIN licences l ON l.regime = c.regime AND l.product_class = c.product_class
    WHERE coverage = 'discharge_in_window' AND list_contains(rules, rule_id)
      AND level_day >= from_day AND level_day < to_day AND (loaded_before IS NULL OR loading_day < loaded_before)
    UNION ALL
    SELECT reading, max_by(v.rule_id, v.era), false,
           CASE WHEN bool_and(v.is_verified) THEN 0 ELSE greatest(max_by(v.rank, v.era), 1) END, NULL,
           CASE WHEN bool_and(v.is_sure) THEN 'decides' ELSE 'open' END
    FROM capped c
    JOIN (SELECT DISTINCT series, rule_id FROM licences WHERE coverage = 'whole_voyage') m ON list_contains(rules, m.rule_id)
    JOIN (SELECT v.*, era_day FROM covered v JOIN era_days USING (era)) v
      ON v.series = m.series AND v.regime = c.regime AND v.product_class = c.product_class
     AND v.era <= c.level_era AND v.era >= c.loading_era AND v.era_day >= c.first_day
    GROUP BY reading, v.series HAVING bool_and(v.is_live)
)
SELECT reading,
       first(rule_id ORDER BY is_transition, rank, rule_id) FILTER (prior_usd_per_bbl IS NULL AND effect = 'decides') AS exempt_id,
       first(is_transition ORDER BY is_transition, rank, rule_id) FILTER (prior_usd_per_bbl IS NULL AND effect = 'decides') AS is_wind_down,
       bool_or(prior_usd_per_bbl IS NULL AND effect <> 'decides') AS is_open,
       first(rule_id ORDER BY is_transition, rank, rule_id) FILTER (prior_usd_per_bbl IS NOT NULL AND effect = 'decides') AS prior_id,
       first(prior_usd_per_bbl ORDER BY is_transition, rank, rule_id) FILTER (prior_usd_per_bbl IS NOT NULL AND effect = 'decides') AS prior_usd_per_bbl,
       first(prior_usd_per_bbl ORDER BY is_transition, rank, rule_id) FILTER (prior_usd_per_bbl IS NOT NULL AND effect <> 'decides') AS open_prior_usd_per_bbl
FROM found GROUP BY reading;

CREATE TEMP TABLE decisions AS
WITH told AS (
    SELECT r.*, x.* EXCLUDE (reading), r.cap_id IS NOT NULL AS has_cap,
           r.cap_id IS NOT NULL AND exempt_id IS NOT NULL AS is_exempt,
           r.cap_id IS NOT NULL AND exempt_id IS NULL AS is_capped,
           level_era = coalesce(discharge_era, loading_era) AS is_shown,
           coalesce(prior_usd_per_bbl, cap_usd_per_bbl) AS usable
    FROM readings r LEFT JOIN reliefs x USING (reading)
),
summed AS (
    SELECT situation, bool_and(NOT has_cap) AS is_only_out, bool_and(is_exempt) AS is_only_exempt,
           bool_and(is_capped) AS is_only_capped, bool_or(NOT has_cap) AS has_out,
           bool_or(is_capped AND coalesce(is_open, false)) AS is_exemption_open,
           min(cap_usd_per_bbl) AS lowest_cap, max(cap_usd_per_bbl) AS highest_cap,
           min(usable) FILTER (is_capped) AS lowest_prior,
           max(greatest(usable, open_prior_usd_per_bbl)) FILTER (is_capped) AS highest_prior,
           min(cap_usd_per_bbl) FILTER (is_shown) AS cap_usd_per_bbl,
           first(cap_id ORDER BY cap_usd_per_bbl, reading) FILTER (is_shown) AS cap_id,
           coalesce(first(prior_id ORDER BY reading) FILTER (is_shown AND prior_id IS NOT NULL),
                    first(prior_id ORDER BY reading) FILTER (prior_id IS NOT NULL)) AS prior_id,
           coalesce(first(exempt_id ORDER BY reading) FILTER (is_shown AND exempt_id IS NOT NULL),
                    first(exempt_id ORDER BY reading) FILTER (exempt_id IS NOT NULL)) AS exempt_id,
           coalesce(first(is_wind_down ORDER BY reading) FILTER (is_shown AND exempt_id IS NOT NULL),
                    first(is_wind_down ORDER BY reading) FILTER (exempt_id IS NOT NULL)) AS is_wind_down
    FROM told GROUP BY situation
)
SELECT s.kind, s.loading_era, s.latest_era, s.discharge_era IS NOT NULL AS is_discharge_known, s.contract_era, k.regime,
       k.is_out OR is_only_out AS is_only_out, k.is_out OR has_out AS has_out,
       coalesce(is_only_exempt, false) AS is_only_exempt, coalesce(is_only_capped, false) AS is_only_capped,
       coalesce(is_exemption_open, false) AS is_exemption_open, lowest_cap, highest_cap, lowest_prior, highest_prior,
       CASE WHEN len(classes) = 1 THEN classes[1] END AS product_class,
       CASE WHEN len(classes) = 1 THEN d.cap_id END AS cap_id,
       CASE WHEN len(classes) = 1 THEN d.cap_usd_per_bbl END AS cap_usd_per_bbl,
       d.prior_id, CASE WHEN is_wind_down THEN exempt_id END AS wind_down_id,
       CASE WHEN NOT is_wind_down THEN exempt_id END AS licence_id
FROM situations s JOIN kinds k USING (kind) LEFT JOIN summed d USING (situation);
