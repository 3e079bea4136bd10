-- The catalog of the lake, beside Dagster's own database.
CREATE DATABASE lake;
