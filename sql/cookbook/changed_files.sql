-- Which of your files are new, replaced or gone in this release, and which rows does that touch?
SELECT file, change, rows_added, rows_removed, rows_changed, sample_ids
FROM quality.input_file_changes
WHERE is_of_this_release
ORDER BY file
