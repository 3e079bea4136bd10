-- What does your OpenSanctions export know, by IMO number, of the vessels of your cargoes?
SELECT DISTINCT c.vessel_imo, o.vessel_name, o.risk, o.datasets, o.url
FROM staging.cargoes AS c
JOIN staging.opensanctions_vessels AS o ON list_contains(string_split(o.imo_numbers, ';'), c.vessel_imo)
ORDER BY c.vessel_imo
