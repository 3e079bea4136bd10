-- Which attestations are missing, late, or contradicted by the evidence?
SELECT gap, regime, shipment_id, party, attested_on, due_on, reason
FROM marts.attestation_gaps
ORDER BY gap, regime, shipment_id, attestation_id
