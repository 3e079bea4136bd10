-- What the law and the price see of a cargo beside its days and its money differs between few cargoes, so it is
-- looked up once for each difference. $shipments is the Parquet file of shipments.
CREATE TEMP TABLE factors AS
SELECT lower(regexp_replace(grade, '[^0-9A-Za-z]', '', 'g')) AS grade_key, kind, hs_prefixes,
       coalesce(bbl_per_t, 6.28981077 / density_t_per_m3) AS factor,
       factor * (1 - coalesce(range_pct, 0) / 100) AS low, factor * (1 + coalesce(range_pct, 0) / 100) AS high
FROM read_csv('$data/reference/grades.csv', types = {'bbl_per_t': 'DOUBLE', 'density_t_per_m3': 'DOUBLE', 'range_pct': 'DOUBLE'});

CREATE TEMP TABLE spellings AS
SELECT DISTINCT lower(regexp_replace(spelling, '[^0-9A-Za-z]', '', 'g')) AS spelling,
       lower(regexp_replace(grade, '[^0-9A-Za-z]', '', 'g')) AS grade_key
FROM (SELECT grade, unnest([grade] || coalesce(string_split(aliases, ';'), [])) AS spelling
      FROM read_csv('$data/reference/grades.csv'));

CREATE TEMP TABLE oils AS
WITH differences AS (
    SELECT row_number() OVER () AS oil, *
    FROM (SELECT DISTINCT hs_code, grade, origin_country, origin_project, destination_country, transport_mode
          FROM read_parquet('$shipments'))
), named AS (
    SELECT d.*, coalesce(s.grade_key, bare) AS grade_key, starts_with(hs_code, '2709') AS is_crude,
           nullif(lower(regexp_replace(origin_project, '[^0-9A-Za-z]', '', 'g')), '') AS project_key
    FROM (SELECT *, nullif(lower(regexp_replace(grade, '[^0-9A-Za-z]', '', 'g')), '') AS bare FROM differences) AS d
    LEFT JOIN spellings s ON s.spelling = bare
), by_code AS (
    SELECT unnest(string_split(hs_prefixes, ';')) AS code, low, factor, high
    FROM factors WHERE kind = 'product' AND hs_prefixes IS NOT NULL
), unknown AS (
    SELECT true AS is_crude, min(low) FILTER (kind = 'crude') AS low,
           max(factor) FILTER (kind = 'generic_crude') AS factor, max(high) FILTER (kind = 'crude') AS high FROM factors
    UNION ALL
    SELECT false, min(low), (min(low) + max(high)) / 2, max(high) FROM factors WHERE kind = 'product'
)
SELECT n.* EXCLUDE (bare),
       NOT (left(hs_code, 4) IN ('2709', '2710') AND origin_country = 'RU' AND transport_mode = 'sea') AS is_out,
       CASE WHEN is_oil THEN coalesce(f.low, c.low, u.low) END AS low_bbl_per_t,
       CASE WHEN is_oil THEN coalesce(f.factor, c.factor, u.factor) END AS bbl_per_t,
       CASE WHEN is_oil THEN coalesce(f.high, c.high, u.high) END AS high_bbl_per_t
FROM (SELECT *, is_crude OR starts_with(hs_code, '2710') AS is_oil FROM named) n
LEFT JOIN factors f ON f.grade_key = n.grade_key AND f.kind = CASE WHEN n.is_crude THEN 'crude' ELSE 'product' END
LEFT JOIN by_code c ON c.code = left(n.hs_code, 8)
LEFT JOIN unknown u ON u.is_crude = n.is_crude;

-- Classes of a code under each regime: own list, longest prefix; what a short or unlisted code leaves open.
CREATE TEMP TABLE entries AS
SELECT class_list, code, product_class FROM read_csv('$data/rules/product_classes.csv', types = {'code': 'VARCHAR'});

CREATE TEMP TABLE classes AS
WITH codes AS (SELECT DISTINCT hs_code FROM oils WHERE NOT is_out),
regimes AS (SELECT regime, class_list, fallback_class_list, unlisted_class FROM read_csv('$data/rules/regimes.csv')),
hits AS (
    SELECT class_list, hs_code, max_by(product_class, length(code)) AS hit
    FROM codes JOIN entries ON starts_with(hs_code, code) GROUP BY ALL
),
below AS (
    SELECT class_list, hs_code,
           list(DISTINCT product_class) FILTER (starts_with(code, hs_code) AND code <> hs_code) AS below_code,
           list(DISTINCT product_class) FILTER (starts_with(code, left(hs_code, 6)) AND code <> left(hs_code, 6)) AS below_6,
           list(DISTINCT product_class) FILTER (starts_with(code, left(hs_code, 4)) AND code <> left(hs_code, 4)) AS below_4
    FROM codes CROSS JOIN entries GROUP BY ALL
),
options AS (
    SELECT regime, c.hs_code,
           CASE WHEN h.hit IS NOT NULL THEN [h.hit]
                WHEN length(c.hs_code) >= 8 AND unlisted_class IS NOT NULL AND f.hit IS NOT NULL THEN [f.hit]
                WHEN unlisted_class IS NOT NULL THEN list_distinct(coalesce(below_code, []) || [unlisted_class])
                WHEN length(c.hs_code) < 8 AND below_code IS NOT NULL THEN below_code
                ELSE coalesce(below_6, below_4) END AS options
    FROM codes c CROSS JOIN regimes r
    LEFT JOIN hits h ON h.hs_code = c.hs_code AND h.class_list = r.class_list
    LEFT JOIN hits f ON f.hs_code = c.hs_code AND f.class_list = r.fallback_class_list
    LEFT JOIN below b ON b.hs_code = c.hs_code AND b.class_list = r.class_list
)
SELECT regime, hs_code,
       CASE WHEN list_contains(options, 'undetermined') THEN ['discount_product', 'premium_product']
            ELSE list_sort(options) END AS classes
FROM options;

-- Which rules reach an oil by what it is and where it goes.
CREATE TEMP TABLE reached AS
SELECT oil, regime, list_sort(list(rule_id)) AS rules
FROM (
    SELECT oil, l.regime, rule_id FROM oils JOIN licences l
      ON (hs_prefixes IS NULL OR list_bool_or([starts_with(hs_code, p) FOR p IN string_split(hs_prefixes, ';')]))
     AND (l.destination_country IS NULL OR oils.destination_country = l.destination_country)
     AND (destination_excluded IS NULL OR oils.destination_country <> destination_excluded)
     AND CASE WHEN l.project_key IS NOT NULL
              THEN oils.project_key = l.project_key OR (oils.project_key IS NULL AND oils.grade_key = l.grade_key)
              WHEN l.grade_key IS NOT NULL THEN oils.grade_key = l.grade_key ELSE true END
    UNION
    SELECT oil, regime, rule_id FROM oils JOIN transitions t
      ON t.destination_country IS NULL OR oils.destination_country = t.destination_country
) GROUP BY ALL;

CREATE TEMP TABLE oil_kinds AS
SELECT dense_rank() OVER (ORDER BY regime, is_out, classes, rules) AS kind, *
FROM (
    SELECT o.oil, r.regime, is_out, CASE WHEN NOT is_out THEN classes END AS classes,
           CASE WHEN NOT is_out THEN rules END AS rules
    FROM oils o CROSS JOIN read_csv('$data/rules/regimes.csv') r
    LEFT JOIN classes c ON c.hs_code = o.hs_code AND c.regime = r.regime
    LEFT JOIN reached e ON e.oil = o.oil AND e.regime = r.regime
);

CREATE TEMP TABLE kinds AS
SELECT DISTINCT kind, regime, is_out, classes, rules FROM oil_kinds;

-- Which regimes a cargo meets: declared, inferred from the voyage and its providers, or assumed.
CREATE TEMP TABLE legs AS
WITH ties AS (
    SELECT row_number() OVER () AS tie, *
    FROM (SELECT DISTINCT nexus, destination_country, insurer_country, owner_country, manager_country, flag,
                 financier_country, broker_country, customs_broker_country, classification_country
          FROM read_parquet('$shipments'))
),
providers AS (
    UNPIVOT (SELECT tie, insurer_country, owner_country, manager_country, flag, financier_country, broker_country,
                    customs_broker_country, classification_country FROM ties)
    ON insurer_country, owner_country, manager_country, flag, financier_country, broker_country,
       customs_broker_country, classification_country INTO NAME role VALUE country
),
brought AS (
    SELECT DISTINCT tie, c.regime
    FROM providers p
    JOIN read_csv('$data/rules/nexus_countries.csv') c ON c.country = p.country AND c.role IN ('*', p.role)
    JOIN read_csv('$data/rules/nexus_services.csv') s ON s.regime = c.regime AND s.role = p.role AND s.is_covered <> 'no'
),
named AS (SELECT tie, count(*) = 8 AS all_named FROM providers GROUP BY tie)
SELECT t.* EXCLUDE (tie), regime, basis AS nexus_basis
FROM (
    SELECT t.*, r.regime,
           CASE WHEN contains(';' || nexus || ';', ';' || r.regime || ';') THEN 'declared'
                WHEN t.destination_country = r.destination_nexus OR b.regime IS NOT NULL THEN 'inferred'
                WHEN nexus IS NULL AND t.tie NOT IN (SELECT tie FROM brought) AND NOT coalesce(all_named, false)
                THEN 'assumed' END AS basis
    FROM ties t CROSS JOIN read_csv('$data/rules/regimes.csv') r
    LEFT JOIN brought b ON b.tie = t.tie AND b.regime = r.regime
    LEFT JOIN named n ON n.tie = t.tie
) t WHERE basis IS NOT NULL;

-- What a currency is worth on a day: the reference rate of the day or of up to seven days before, else the monthly mean.
CREATE TEMP TABLE span AS SELECT min(loading_date) AS first_day, max(loading_date) AS last_day FROM read_parquet('$shipments');

CREATE TEMP TABLE rates AS
WITH quoted AS (
    SELECT rate_date, currency, units_per_eur FROM read_csv('$data/figures/exchange_rates_daily.csv')
    UNION ALL
    SELECT DISTINCT rate_date, 'EUR', 1.0 FROM read_csv('$data/figures/exchange_rates_daily.csv')
),
daily AS (
    SELECT q.currency, q.rate_date + carry::INTEGER AS day, min_by(d.units_per_eur / q.units_per_eur, carry) AS rate
    FROM quoted q JOIN quoted d ON d.rate_date = q.rate_date AND d.currency = 'USD' CROSS JOIN range(8) AS carries(carry)
    GROUP BY ALL
),
monthly AS (
    SELECT currency, month, 1 / units_per_usd AS rate FROM read_csv('$data/figures/exchange_rates_monthly.csv', types = {'month': 'VARCHAR'})
),
currencies AS (SELECT currency FROM quoted UNION SELECT currency FROM monthly UNION SELECT 'USD'),
days AS (SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day FROM span)
SELECT currency, day, CASE WHEN currency = 'USD' THEN 1.0 ELSE coalesce(d.rate, m.rate) END AS rate
FROM currencies CROSS JOIN days
LEFT JOIN daily d USING (currency, day)
LEFT JOIN monthly m ON m.currency = currencies.currency AND m.month = strftime(day, '%Y-%m');

-- The most that a missing freight may come to: points of the route near the day, of the route, near the day, of all.
CREATE TEMP TABLE freights AS
WITH points AS (
    SELECT destination_country, coalesce(high_usd_per_bbl, low_usd_per_bbl) AS top, first_date - 180 AS from_day, last_date + 180 AS to_day
    FROM read_csv('$data/figures/freight_points.csv') WHERE component = 'freight'
),
days AS (SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day FROM span),
near AS (SELECT destination_country, day, max(top) AS top FROM days JOIN points ON day BETWEEN from_day AND to_day GROUP BY ALL),
nearest AS (SELECT day, max(top) AS top FROM near GROUP BY day),
routes AS (SELECT destination_country, max(top) AS top FROM points GROUP BY ALL)
SELECT d.destination_country, days.day, coalesce(n.top, r.top, a.top, (SELECT max(top) FROM points)) AS top_freight
FROM (SELECT DISTINCT destination_country FROM oils) d CROSS JOIN days
LEFT JOIN near n ON n.destination_country = d.destination_country AND n.day = days.day
LEFT JOIN routes r ON r.destination_country = d.destination_country
LEFT JOIN nearest a ON a.day = days.day;
