"""The asset graph as a text that a reviewer reads: a renamed asset or a lost dependency is a line of a diff.

Here: assets with owner, kind, dependencies and checks; jobs and schedules.
Add here: another property of the graph that should not change unseen.
Keep out: columns (the data dictionary has them).
"""

import dagster as dg

_INTRO = """\
The asset graph of a night, written by `make docs` from the definitions.
Under each asset: owner and kind, what it is made from, and its checks. ERROR stops the night, WARN is told.
"""


def asset_graph(defs: dg.Definitions) -> str:
    """Every asset by group, then jobs, schedules and sensors."""
    graph = defs.resolve_asset_graph()
    severities = {spec.key: spec.metadata["severity"] for asset in graph.assets_defs for spec in asset.check_specs}
    lines = [_INTRO]
    for group in sorted({str(node.group_name) for node in graph.asset_nodes}):
        lines += [f"== {group}", ""]
        for node in sorted((node for node in graph.asset_nodes if node.group_name == group), key=lambda node: node.key):
            lines += [
                _name(node.key),
                f"    {', '.join(sorted(node.owners))}; {', '.join(sorted(node.kinds))}"
                + ("; by month" if node.partitions_def is not None else ""),
                *(f"    from {_name(parent)}" for parent in sorted(node.parent_keys)),
                *(f"    {severities[key]} {key.name}" for key in sorted(severities) if key.asset_key == node.key),
                "",
            ]
    lines += ["== jobs, schedules and sensors", ""]
    repository = defs.get_repository_def()
    for job in repository.get_all_jobs():
        if not job.name.startswith("__"):  # Dagster's own, for assets by themselves
            lines += [f"job {job.name}", *(f"    {tag}: {value}" for tag, value in sorted(job.run_tags.items())), ""]
    for schedule in repository.schedule_defs:
        when = f"{schedule.cron_schedule} {schedule.execution_timezone}"
        lines += [
            f"schedule {schedule.name}",
            f"    job {schedule.job_name} at {when}, {schedule.default_status.value}",
            "",
        ]
    for sensor in repository.sensor_defs:
        lines += [f"sensor {sensor.name}", f"    {sensor.default_status.value}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _name(key: dg.AssetKey) -> str:
    return ".".join(key.path)
