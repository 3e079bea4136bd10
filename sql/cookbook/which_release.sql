-- Which release is this file, what was known, and how much does it hold?
SELECT make_timestamp(epoch_us(built_at)) AS built_at_utc, known_on, plimsoll_version, left(rules_sha256, 12) AS rules, cargoes, verdicts
FROM quality.releases
