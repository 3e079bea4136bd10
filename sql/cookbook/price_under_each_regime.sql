-- What would 55 dollars a barrel have meant under each regime on 1 October 2025?
SELECT regimes.regime, answer.cap_usd_per_bbl AS cap, answer.verdict, answer.conditions AS let_through_if
FROM reference.regimes AS regimes, verdict_at(55, regimes.regime, 'crude', '2025-10-01') AS answer
ORDER BY regimes.regime
