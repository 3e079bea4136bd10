-- What does your OpenSanctions export know of the vessels of your cargoes? By IMO number; it says where, not since when.
SELECT DISTINCT c.vessel_imo, o.vessel_name, o.risk, o.datasets, o.url
FROM staging.cargoes AS c
JOIN staging.opensanctions_vessels AS o ON list_contains(string_split(o.imo_numbers, ';'), c.vessel_imo)
ORDER BY c.vessel_imo
