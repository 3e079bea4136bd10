-- Which caps on crude bound on 1 February 2026, regime by regime?
SELECT regimes.regime, caps.cap_id, caps.cap_usd_per_bbl AS cap, caps.first_day, caps.confidence, caps.instrument
FROM reference.regimes AS regimes, cap_on(regimes.regime, 'crude', '2026-02-01') AS caps
ORDER BY caps.cap_usd_per_bbl, regimes.regime
