-- Which countries insured, owned, managed, flagged, financed, brokered or classed how much oil, and with which verdict?
WITH alike AS (
    -- Many cargoes have the same providers: they are taken apart by role once for all of them.
    SELECT
        evidence_kind,
        regime,
        verdict,
        loading_first,
        loading_last,
        insurer_country,
        owner_country,
        manager_country,
        flag,
        financier_country,
        broker_country,
        customs_broker_country,
        classification_country,
        count(*) AS cargoes,
        count(*) FILTER (quantity_bbl IS NULL) AS unmeasured_cargoes,
        count(*) FILTER (is_above_cap) AS above_cap_cargoes,
        sum(quantity_bbl) AS quantity_bbl,
        sum(compared_bbl) AS compared_bbl,
        sum(above_cap_bbl) AS above_cap_bbl,
        sum(excess_value_usd) AS excess_value_usd
    FROM marts.judged_cargoes
    GROUP BY ALL
),
provided AS (
    SELECT *
    FROM alike
    UNPIVOT INCLUDE NULLS (
        country FOR role IN (
            insurer_country, owner_country, manager_country, flag, financier_country, broker_country,
            customs_broker_country, classification_country
        )
    )
),
covered AS (
    SELECT
        p.*,
        CASE
            WHEN p.country IS NULL THEN NULL
            WHEN EXISTS (
                FROM reference.nexus_countries n
                WHERE n.regime = p.regime
                    AND n.country = p.country
                    AND n.role IN ('*', p.role)
                    AND (n.valid_from IS NULL OR p.loading_last >= n.valid_from)
                    AND (n.valid_to IS NULL OR p.loading_first < n.valid_to)
            ) THEN coalesce(s.is_covered, 'no')
            ELSE 'no'
        END AS is_covered
    FROM provided p
    LEFT JOIN reference.nexus_services s ON s.regime = p.regime AND s.role = p.role
)
SELECT
    evidence_kind,
    regime,
    role,
    country,
    is_covered,
    verdict,
    sum(cargoes)::BIGINT AS cargoes,
    sum(unmeasured_cargoes)::BIGINT AS unmeasured_cargoes,
    sum(above_cap_cargoes)::BIGINT AS above_cap_cargoes,
    sum(quantity_bbl) AS quantity_bbl,
    sum(compared_bbl) AS compared_bbl,
    sum(above_cap_bbl) AS above_cap_bbl,
    sum(excess_value_usd) AS excess_value_usd
FROM covered
GROUP BY ALL
ORDER BY evidence_kind, regime, role, country, is_covered, verdict
