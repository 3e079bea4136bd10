-- Which data-quality checks failed in this release?
SELECT severity, table_name, check_name, rows_failed, rows_checked, description
FROM quality.check_results
WHERE NOT is_passed
ORDER BY severity, table_name, check_name
