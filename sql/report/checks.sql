-- How many data-quality checks passed, and how many failed, by severity?
SELECT
    severity,
    count(*) AS checks,
    count(*) FILTER (is_passed) AS passed,
    count(*) FILTER (NOT is_passed) AS failed,
    (sum(rows_failed) FILTER (NOT is_passed))::BIGINT AS rows_failed
FROM quality.check_results
GROUP BY severity
ORDER BY severity
