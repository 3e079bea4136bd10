-- How many barrels are a quantity of a grade? By the factors of the file, as prices are made (J-15).
CREATE MACRO bbl(quantity, unit, grade) AS quantity * (
    -- A name may be spelled like an alias of its own; all of them mean one factor.
    SELECT min(coalesce(measure.bbl_per_unit, measure.t_per_unit * oil.bbl_per_t))
    -- What is asked is named anew: a column of the same name would hide it.
    FROM (SELECT unit AS of_unit, regexp_replace(lower(grade), '[^0-9a-z]', '', 'g') AS of_grade) AS asked
    JOIN reference.units AS measure ON measure.unit = asked.of_unit
    LEFT JOIN (
        SELECT
            unnest([name.grade] || coalesce(string_split(name.aliases, ';'), [])) AS spelling,
            coalesce(name.bbl_per_t, cubic.bbl_per_unit / name.density_t_per_m3) AS bbl_per_t
        FROM reference.grades AS name, reference.units AS cubic
        WHERE cubic.unit = 'm3'
    ) AS oil ON regexp_replace(lower(oil.spelling), '[^0-9a-z]', '', 'g') = asked.of_grade
)
