"""The verdicts by dbt on DuckDB: a project generated from `duckdb/*.sql`, each statement a model, and tests on them.

Here: how a statement becomes a model, and which tests a careful team would write.
Add here: a test.
Keep out: other SQL than that of `duckdb/`: dbt is given the best there is.
"""

import os
import re
import shutil
from pathlib import Path

from benchmarks.peers.duckdb_sql import DATA, SQL, selected

_STATEMENT = re.compile(r"CREATE TEMP TABLE (\w+) AS\s(.*?);\n", re.DOTALL)

_PROJECT = """name: peer
version: 1.0.0
config-version: 2
profile: peer
flags:
  send_anonymous_usage_stats: false
  version_check: false
"""
_PROFILE = """peer:
  target: bench
  outputs:
    bench:
      type: duckdb
      path: '{folder}/peer.duckdb'
      threads: {threads}
      settings:
        preserve_insertion_order: false
"""
_TESTS = """models:
  - name: caps
    columns:
      - name: cap_id
        data_tests: [unique, not_null]
  - name: situations
    columns:
      - name: situation
        data_tests: [unique, not_null]
  - name: verdicts
    columns:
      - name: shipment_id
        data_tests: [not_null]
      - name: regime
        data_tests:
          - not_null
          - accepted_values:
              arguments: {values: [US, EU, UK, JP, CA, AU, NZ, CH, 'NO']}
      - name: verdict
        data_tests:
          - not_null
          - accepted_values:
              arguments:
                values: [out_of_scope, within_cap, within_prior_cap, exempt, above_cap, indeterminate, unpriced]
      - name: cap_id
        data_tests:
          - relationships:
              arguments: {to: ref('caps'), field: cap_id}
"""
_ONE_VERDICT = """SELECT shipment_id, regime FROM {{ ref('verdicts') }} GROUP BY ALL HAVING count(*) > 1
"""


def write(folder: Path, shipments: Path, verdicts: Path) -> None:
    """The project: models, tests and profile."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "models").mkdir(parents=True)
    (folder / "tests").mkdir()
    text = "".join(file.read_text(encoding="utf-8") for file in sorted(SQL.glob("[123]_*.sql")))
    models = dict(_STATEMENT.findall(text))
    last = selected((SQL / "4_verdicts.sql").read_text(encoding="utf-8"))
    names = re.compile(rf"\b(FROM|JOIN) ({'|'.join(models)})\b")
    for name, body in {**models, "verdicts": last}.items():
        query = names.sub(r"\1 {{ ref('\2') }}", body).replace("$data", str(DATA)).replace("$shipments", str(shipments))
        config = "{{ config(materialized='table') }}"
        if name == "verdicts":
            options = "options={'compression': 'zstd'}"
            config = f"{{{{ config(materialized='external', format='parquet', location='{verdicts}', {options}) }}}}"
        (folder / "models" / f"{name}.sql").write_text(f"{config}\n{query}\n", encoding="utf-8")
    (folder / "models" / "schema.yml").write_text(_TESTS, encoding="utf-8")
    (folder / "tests" / "one_verdict.sql").write_text(_ONE_VERDICT, encoding="utf-8")
    (folder / "dbt_project.yml").write_text(_PROJECT, encoding="utf-8")
    # So many models at once; within each, DuckDB uses all processors by itself.
    profile = _PROFILE.format(folder=folder, threads=os.cpu_count() or 1)
    (folder / "profiles.yml").write_text(profile, encoding="utf-8")


def judge(command: str, folder: Path, shipments: Path, verdicts: Path) -> None:
    """`dbt build`: tables built, tests run; or `dbt run`: tables built. Raises with the words of what fails."""
    from dbt.cli.main import dbtRunner

    write(folder, shipments, verdicts)
    options = ["--project-dir", str(folder), "--profiles-dir", str(folder), "--log-path", str(folder / "logs")]
    done = dbtRunner().invoke(["--quiet", command, *options])
    if not done.success:
        bad = [f"{node.node.name}: {node.message}" for node in done.result or () if node.status in ("error", "fail")]
        raise RuntimeError(f"dbt {command} failed. {done.exception or '; '.join(bad)}")
