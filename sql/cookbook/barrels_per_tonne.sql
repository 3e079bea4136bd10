-- How many barrels are 100,000 tonnes of each grade?
SELECT grade, kind, bbl(100000, 't', grade) AS barrels, confidence
FROM reference.grades
ORDER BY barrels DESC, grade
