-- How much oil would lower caps have caught, and how much money, each cargo counted once?
SELECT
    caps.cap,
    what_if.evidence_kind,
    sum(what_if.cargoes)::BIGINT AS cargoes,
    sum(what_if.above_cargoes)::BIGINT AS above,
    sum(what_if.undecided_cargoes)::BIGINT AS undecided,
    sum(what_if.above_bbl) AS above_bbl,
    sum(what_if.excess_at_least_usd) AS at_least_usd,
    sum(what_if.excess_at_most_usd) AS at_most_usd
FROM (VALUES (60), (50), (45)) AS caps(cap), what_if_cap(caps.cap) AS what_if
WHERE what_if.product_class = 'crude'
GROUP BY ALL
ORDER BY caps.cap DESC, what_if.evidence_kind
