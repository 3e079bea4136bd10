-- Which release is this, and what is known on its day?
SELECT
    run_id,
    built_at,
    known_on,
    coalesce(known_on, built_at::DATE) AS release_day,
    plimsoll_version,
    rules_sha256,
    cargoes,
    verdicts,
    not_to_be_passed_on
FROM quality.releases
