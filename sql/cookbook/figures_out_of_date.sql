-- Which figures of publishers are out of date, since when, why, and what stands in for them?
SELECT state, source_name, title, newest_period, age_days, message
FROM quality.source_freshness
WHERE state IN ('late', 'stale', 'missing')
ORDER BY state DESC, source_name
