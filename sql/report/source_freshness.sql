-- Which data sets of publishers are late, stale or missing?
SELECT source_name, title, publisher, state, newest_period, expected_period, age_days, message
FROM quality.source_freshness
ORDER BY state = 'fresh', source_name
