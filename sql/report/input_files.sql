-- Which files were handed in, and what became of their rows?
SELECT file, outcome, rows_read, rows_accepted, rows_quarantined, message
FROM quality.input_files
ORDER BY file
