-- Which data sets were fetched, and with which line do their publishers want to be named?
SELECT title, publisher, attribution, licence, is_redistributable
FROM quality.source_freshness
WHERE rows > 0
ORDER BY publisher, title
