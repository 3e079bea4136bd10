-- How much was declared, and how much do customs and energy statistics show? Side by side, never added.
-- Declared cargoes count in the month of discharge, or of loading where that is not known; customs in the month of
-- clearance; energy statistics in the month of arrival. A statistic of which a part is withheld shows nothing.
WITH declared AS (
    SELECT
        destination_country AS importer_country,
        strftime(coalesce(discharge_last, loading_last), '%Y-%m') AS month,
        CASE left(hs_code, 4) WHEN '2709' THEN 'crude' ELSE 'products' END AS product,
        origin_country,
        count(*) AS cargoes,
        sum(quantity_bbl) AS bbl,
        coalesce(sum(quantity_bbl) FILTER (transport_mode = 'sea'), 0) AS sea_bbl
    FROM staging.cargoes
    WHERE evidence_kind = 'declared_shipment' AND left(hs_code, 4) IN ('2709', '2710')
    GROUP BY ALL
),
-- Lines by mode and lines of longer codes stand for the totals above them. Japan's crude follows below: its lines of
-- zero may be months that are not out yet, which the figures made of them have sorted out.
customs AS (
    SELECT
        importer_country,
        month,
        CASE left(hs_code, 4) WHEN '2709' THEN 'crude' ELSE 'products' END AS product,
        origin_country,
        data_set,
        CASE WHEN count(*) = count(quantity_bbl) THEN sum(quantity_bbl) END AS bbl,
        CASE
            WHEN count(transport_mode) > 0
                AND count(*) FILTER (transport_mode = 'sea') = count(quantity_bbl) FILTER (transport_mode = 'sea')
                THEN coalesce(sum(quantity_bbl) FILTER (transport_mode = 'sea'), 0)
        END AS sea_bbl
    FROM staging.customs_lines
    WHERE set_aside_because IS DISTINCT FROM 'finer_lines'
        AND left(hs_code, 4) IN ('2709', '2710')
        AND NOT (data_set = 'japan_customs_lines' AND left(hs_code, 4) = '2709')
    GROUP BY ALL
),
register AS (
    SELECT
        reporting_area AS importer_country,
        month,
        origin_country,
        CASE WHEN count(*) = count(volume_thousand_bbl) THEN sum(volume_thousand_bbl) * 1000 END AS bbl
    FROM staging.eu_crude_by_type
    WHERE is_latest AND NOT is_aggregate
    GROUP BY ALL
),
energy AS (
    SELECT
        reporting_area AS importer_country,
        month,
        origin_country,
        quantity_thousand_t * 1000 * (SELECT bbl_per_t FROM reference.grades WHERE kind = 'generic_crude') AS bbl
    FROM staging.eu_oil_imports
    WHERE is_latest AND NOT is_aggregate
),
-- A period of several months has no month of its own, unless nothing was imported in any of them.
japan AS (
    SELECT
        'JP' AS importer_country,
        strftime(unnest(generate_series(date_trunc('month', period_first), period_last, INTERVAL 1 MONTH)), '%Y-%m') AS month,
        f.origin_country,
        f.series,
        f.quantity * u.bbl_per_unit AS bbl
    FROM staging.japan_crude_from_russia f
    JOIN reference.units u ON u.unit = f.quantity_unit
    WHERE f.quantity = 0 OR date_trunc('month', f.period_first) = date_trunc('month', f.period_last)
),
figures AS (
    SELECT importer_country, month, product, origin_country, 'declared' AS statistic, bbl, sea_bbl, cargoes FROM declared
    UNION ALL BY NAME
    SELECT importer_country, month, product, origin_country, data_set AS statistic, bbl, sea_bbl FROM customs
    UNION ALL BY NAME
    SELECT importer_country, month, 'crude' AS product, origin_country, 'register' AS statistic, bbl FROM register
    UNION ALL BY NAME
    SELECT importer_country, month, 'crude' AS product, origin_country, 'energy' AS statistic, bbl FROM energy
    UNION ALL BY NAME
    SELECT importer_country, month, 'crude' AS product, origin_country, series AS statistic, sum(bbl) AS bbl FROM japan GROUP BY ALL
),
side_by_side AS (
    SELECT
        importer_country,
        month,
        product,
        origin_country,
        coalesce(any_value(cargoes), 0) AS declared_cargoes,
        coalesce(any_value(bbl) FILTER (statistic = 'declared'), 0) AS declared_bbl,
        coalesce(any_value(sea_bbl) FILTER (statistic = 'declared'), 0) AS declared_sea_bbl,
        any_value(sea_bbl) FILTER (statistic = 'eu_customs_lines') AS comext_sea_bbl,
        any_value(bbl) FILTER (statistic = 'eu_customs_lines') AS comext_bbl,
        any_value(bbl) FILTER (statistic = 'comtrade_lines') AS comtrade_bbl,
        coalesce(
            any_value(bbl) FILTER (statistic = 'customs'), any_value(bbl) FILTER (statistic = 'japan_customs_lines')
        ) AS japan_customs_bbl,
        any_value(bbl) FILTER (statistic = 'meti_arrivals') AS japan_arrivals_bbl,
        any_value(bbl) FILTER (statistic = 'register') AS crude_register_bbl,
        any_value(bbl) FILTER (statistic = 'energy') AS energy_bbl
    FROM figures
    GROUP BY ALL
    -- Energy statistics print nil for every country and month; nil in Japan is a finding of its own.
    HAVING max(bbl) IS DISTINCT FROM 0 OR bool_or(statistic IN ('customs', 'meti_arrivals'))
)
SELECT
    *,
    declared_sea_bbl - comext_sea_bbl AS declared_less_comext_sea_bbl,
    declared_sea_bbl / nullif(comext_sea_bbl, 0) AS declared_share_of_comext_sea,
    declared_bbl - comtrade_bbl AS declared_less_comtrade_bbl,
    declared_bbl / nullif(comtrade_bbl, 0) AS declared_share_of_comtrade,
    declared_bbl - japan_customs_bbl AS declared_less_japan_customs_bbl,
    declared_bbl / nullif(japan_customs_bbl, 0) AS declared_share_of_japan_customs,
    japan_arrivals_bbl - japan_customs_bbl AS japan_arrivals_less_customs_bbl,
    energy_bbl - comext_bbl AS energy_less_comext_bbl,
    energy_bbl / nullif(comext_bbl, 0) AS energy_share_of_comext
FROM side_by_side
ORDER BY importer_country, product, origin_country, month
