-- Which rows of my files were set aside, and what must I mend?
SELECT file, row_number, shipment_id, "column", "check", raw_value, message
FROM quality.quarantine
ORDER BY file, row_number
