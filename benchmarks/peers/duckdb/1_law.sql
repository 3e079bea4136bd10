-- The law as small tables, from the same files that the product reads. $data is the folder `data` of the repository.
CREATE TEMP TABLE caps AS
SELECT id AS cap_id, series, regime, product_class, cap_usd_per_bbl::DOUBLE AS cap_usd_per_bbl,
       valid_from, valid_to, certain_from, start_doubt,
       lag(id) OVER levels AS earlier_id, lag(cap_usd_per_bbl::DOUBLE) OVER levels AS earlier_usd_per_bbl,
       min(valid_from) OVER (PARTITION BY regime, product_class) AS first_day
FROM read_csv('$data/rules/price_caps.csv', all_varchar = false, types = {'valid_to': 'DATE', 'certain_from': 'DATE'})
WINDOW levels AS (PARTITION BY series ORDER BY valid_from);

-- Levels by day; two rows of one day are two readings of it, and a null cap_id reads "no cap yet".
CREATE TEMP TABLE levels AS
SELECT regime, product_class, cap_id, cap_usd_per_bbl, first_day, valid_from AS from_day,
       coalesce(valid_to, DATE '9999-01-01') AS to_day, 0 AS reading
FROM caps
UNION ALL
SELECT regime, product_class, earlier_id, earlier_usd_per_bbl, first_day, valid_from, certain_from, 1
FROM caps WHERE start_doubt = 'gap';

CREATE TEMP TABLE transitions AS
SELECT t.id AS rule_id, t.regime, unnest(string_split(t.product_classes, ';')) AS product_class, t.effect,
       t.prior_cap_id, c.cap_usd_per_bbl AS prior_usd_per_bbl, t.contract_before, t.loaded_before,
       t.destination_country, t.valid_from AS from_day, coalesce(t.valid_to, DATE '9999-01-01') AS to_day,
       greatest(CASE t.confidence WHEN 'verified' THEN 0 WHEN 'unverified' THEN 1 ELSE 2 END,
                CASE p.confidence WHEN 'verified' THEN 0 WHEN 'unverified' THEN 1 WHEN 'conflict' THEN 2 END) AS rank
FROM read_csv('$data/rules/transitions.csv', types = {'valid_to': 'DATE', 'contract_before': 'DATE', 'loaded_before': 'DATE'}) t
LEFT JOIN caps c ON c.cap_id = t.prior_cap_id
LEFT JOIN read_csv('$data/rules/price_caps.csv') p ON p.id = t.prior_cap_id
WHERE t.effect <> 'never';

CREATE TEMP TABLE licences AS
SELECT id AS rule_id, series, regime, unnest(string_split(product_classes, ';')) AS product_class, effect, coverage,
       hs_prefixes, destination_country, destination_excluded,
       lower(regexp_replace(origin_project, '[^0-9A-Za-z]', '', 'g')) AS project_key,
       lower(regexp_replace(grade, '[^0-9A-Za-z]', '', 'g')) AS grade_key,
       loaded_before, valid_from AS from_day, coalesce(valid_to, DATE '9999-01-01') AS to_day,
       CASE confidence WHEN 'verified' THEN 0 WHEN 'unverified' THEN 1 ELSE 2 END AS rank
FROM read_csv('$data/rules/exemptions.csv', types = {'valid_to': 'DATE', 'loaded_before': 'DATE', 'hs_prefixes': 'VARCHAR'})
WHERE effect <> 'never';

-- Two days of one era meet the same rules, so a cargo is seen by the law only through the eras of its days.
CREATE TEMP TABLE eras AS
SELECT row_number() OVER (ORDER BY day) AS era, day AS first_day,
       coalesce(lead(day) OVER (ORDER BY day), DATE '9999-01-01') AS end_day
FROM (
    SELECT DATE '1900-01-01' AS day
    UNION SELECT unnest([valid_from, valid_to, certain_from]) FROM caps
    UNION SELECT unnest([from_day, to_day, loaded_before]) FROM transitions
    UNION SELECT unnest([from_day, to_day, loaded_before]) FROM licences
) WHERE day < DATE '9999-01-01';

CREATE TEMP TABLE calendar AS
SELECT day::DATE AS day, era, (day + INTERVAL 60 DAY)::DATE AS latest_day
FROM range(DATE '1990-01-01', DATE '2100-03-03', INTERVAL 1 DAY) AS days(day)
JOIN eras ON day >= first_day AND day < end_day;

CREATE TEMP TABLE voyages AS
SELECT here.day, here.era, latest.era AS latest_era
FROM calendar here JOIN calendar latest ON latest.day = here.latest_day;

CREATE TEMP TABLE contracts AS
SELECT day::DATE AS day, (SELECT count(DISTINCT contract_before) FROM transitions WHERE contract_before <= days.day) AS contract_era
FROM range(DATE '1990-01-01', DATE '2100-01-01', INTERVAL 1 DAY) AS days(day);

CREATE TEMP TABLE contract_rules AS
SELECT contract_before, count(*) OVER (ORDER BY contract_before) AS before_era
FROM (SELECT DISTINCT contract_before FROM transitions WHERE contract_before IS NOT NULL);

-- How far a licence series covers: whether each day is covered, surely or perhaps, and under which name.
CREATE TEMP TABLE covered AS
SELECT s.series, s.regime, s.product_class, era,
       count(rule_id) > 0 AS is_live, count(rule_id) FILTER (effect = 'decides') > 0 AS is_sure,
       coalesce(max_by(rule_id, from_day) FILTER (effect = 'decides'), max_by(rule_id, from_day)) AS rule_id,
       count(rule_id) FILTER (effect = 'decides' AND rank = 0) > 0 AS is_verified,
       coalesce(max_by(rank, from_day) FILTER (effect = 'decides'), max_by(rank, from_day)) AS rank
FROM (SELECT DISTINCT series, regime, product_class FROM licences WHERE coverage = 'whole_voyage') AS s
CROSS JOIN eras
LEFT JOIN (SELECT * FROM licences WHERE coverage = 'whole_voyage') AS l
  ON l.series = s.series AND l.product_class = s.product_class AND l.from_day <= first_day AND first_day < l.to_day
GROUP BY ALL;
