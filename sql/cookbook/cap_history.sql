-- How did the caps on crude come down, regime by regime?
SELECT regime, cap_usd_per_bbl AS cap, step_usd_per_bbl AS step, first_day, last_day, instrument, confidence
FROM marts.cap_calendar
WHERE product_class = 'crude'
ORDER BY regime, first_day
