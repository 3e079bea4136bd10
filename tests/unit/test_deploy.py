"""The deployment files: as far as they can be looked at without a container engine or a cluster.

Here: that they parse, name what there is, hold no secret, and open nothing beyond the machine.
Add here: another file of `deploy`.
Keep out: starting what they describe; the settings of Dagster are used for real in tests/cluster/test_nights.py.
"""

import os
import re
import subprocess
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job

from pipelines.assets.night import INPUTS
from pipelines.definitions import NIGHTLY_CRON
from pipelines.settings import REPOSITORY, Settings

DEPLOY = REPOSITORY / "deploy"
SETTINGS = (REPOSITORY / "pipelines" / "settings.py").read_text(encoding="utf-8")


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def test_dagster_takes_its_settings(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_bytes((DEPLOY / "dagster.yaml").read_bytes())
    settings, _ = dagster_instance_config(str(tmp_path))
    assert settings["storage"]["postgres"]["postgres_db"]["password"] == {"env": "PGPASSWORD"}
    assert settings["run_retries"]["enabled"] is True
    assert settings["telemetry"]["enabled"] is False


def test_compose_opens_nothing_beyond_the_machine_and_knows_its_own_names() -> None:
    compose = read("compose.yaml")
    services = compose["services"]
    assert {"postgres", "store", "code", "daemon", "webserver"} <= services.keys()
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:3000:3000"]
    scripts = {
        entry.name for package in ("dagster", "dagster-webserver") for entry in distribution(package).entry_points
    }
    for name in ("code", "daemon", "webserver"):
        service = services[name]
        command = service.get("command", ["dagster"])
        assert command[0] in scripts
        assert {volume.split(":")[0] for volume in service["volumes"]} <= compose["volumes"].keys()
        assert service["depends_on"].keys() <= services.keys()
        assert all(variable in SETTINGS for variable in service["environment"] if variable.startswith("PLIMSOLL_"))
    Settings.from_environment(
        {
            k: v
            for k, v in services["code"]["environment"].items()
            if k in ("PLIMSOLL_WAREHOUSE", "PLIMSOLL_WAREHOUSE_DATA", "PLIMSOLL_STORE")
        }
    )
    (code,) = read("workspace.yaml")["load_from"]
    assert code["grpc_server"]["host"] in services


def test_compose_waits_for_what_must_be_there(tmp_path: Path) -> None:
    services = read("compose.yaml")["services"]
    assert "pg_isready --host 127.0.0.1 " in services["postgres"]["healthcheck"]["test"][1]
    for name in ("code", "daemon", "webserver"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "bucket": {"condition": "service_completed_successfully"},
        }
    # The script of the bucket, with a client that is answered at the third try.
    (script,) = services["bucket"]["command"]
    client = tmp_path / "mc"
    client.write_text(
        '#!/bin/sh\necho "$@" >> asked\n[ "$1" != alias ] || [ "$(wc -l < asked)" -ge 3 ]\n', encoding="utf-8"
    )
    (tmp_path / "sleep").write_text("#!/bin/sh\n", encoding="utf-8")
    for program in (client, tmp_path / "sleep"):
        program.chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STORE_KEY": "a key", "STORE_SECRET": "a secret"}
    shell = [*services["bucket"]["entrypoint"], script.replace("$$", "$")]
    assert subprocess.run(shell, cwd=tmp_path, env=variables, timeout=60, check=False).returncode == 0
    alias = "alias set store http://store:9000 a key a secret"
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked == [alias, alias, alias, "mb --ignore-existing store/plimsoll"]


def test_images_of_others_are_named_by_version() -> None:
    services = read("compose.yaml")["services"].values()
    images = {service["image"] for service in services if "build" not in service}
    images |= set(re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    assert len(images) == 4
    for image in images:
        assert re.search(r":(RELEASE\.\d{4}-\d{2}-\d{2}T[\d-]+Z|\d+\.\d+(\.\d+)?(-[a-z-]+)?)$", image), image
        assert not re.search(r":3\.\d+(-|$)", image), f"{image}: Python's third number is missing"


def test_the_image_serves_where_the_others_look() -> None:
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (code,) = read("workspace.yaml")["load_from"]
    assert f"EXPOSE {code['grpc_server']['port']}" in image
    assert '"--module-name", "pipelines.definitions"' in image
    assert re.search(r"^USER (?!root)", image, re.MULTILINE)
    for copied in re.findall(r"cp (deploy/\S+)", image):
        assert (REPOSITORY / copied).is_file()


def test_the_values_of_the_chart_name_what_there_is() -> None:
    values = read("helm-values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert all(variable in SETTINGS for variable in deployment["env"] if variable.startswith("PLIMSOLL_"))
    settings = Settings.from_environment(
        {name: value for name, value in deployment["env"].items() if name.startswith("PLIMSOLL_")}
    )
    assert settings.workers > 1
    assert {mount["name"] for mount in deployment["volumeMounts"]} == {
        volume["name"] for volume in deployment["volumes"]
    }
    assert deployment["volumeMounts"][0]["mountPath"] == deployment["env"]["PLIMSOLL_HOME"]
    assert values["runLauncher"]["type"] == "K8sRunLauncher"
    assert values["ingress"]["enabled"] is False
    # The chart's own images must be of the version that the image of the code holds.
    assert f"--version {version('dagster')}" in (DEPLOY / "helm-values.yaml").read_text(encoding="utf-8")
    # The queue is the same on one machine and on many.
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    here = read("dagster.yaml")["concurrency"]["runs"]
    assert queue["maxConcurrentRuns"] == here["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == here["tag_concurrency_limits"]
    # As is what is begun anew.
    retries, here = values["dagsterDaemon"]["runRetries"], read("dagster.yaml")["run_retries"]
    assert retries["maxRetries"] == here["max_retries"]
    assert retries["retryOnAssetOrOpFailure"] is here["retry_on_asset_or_op_failure"] is False


def test_the_chart_tells_how_to_begin_a_night() -> None:
    head = (DEPLOY / "helm-values.yaml").read_text(encoding="utf-8").split("\n\n")[0]
    assert f"launch the job `{INPUTS}`" in head
    assert NIGHTLY_CRON == "0 3 * * *" and "03:00 UTC" in head


def test_a_run_on_kubernetes_is_the_job_that_the_values_mean() -> None:
    """Made by Dagster's own code from what the chart hands it: the launcher's settings, then the deployment's."""
    values = read("helm-values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    of_launcher = {
        "image_pull_policy": launcher["imagePullPolicy"],
        "resources": launcher["resources"],
        "run_k8s_config": {
            "job_spec_config": launcher["runK8sConfig"]["jobSpecConfig"],
            "pod_spec_config": launcher["runK8sConfig"]["podSpecConfig"],
        },
    }
    of_deployment = {
        "image_pull_policy": deployment["image"]["pullPolicy"],
        "env_secrets": [secret["name"] for secret in deployment["envSecrets"]],
        "volumes": deployment["volumes"],
        "volume_mounts": deployment["volumeMounts"],
    } | {name: deployment[name] for name in ("resources", "labels") if name in deployment}
    context = K8sContainerContext.create_from_config({"k8s": of_launcher}).merge(
        K8sContainerContext.create_from_config({"k8s": of_deployment})
    )
    image = f"{deployment['image']['repository']}:{deployment['image']['tag']}"
    job = construct_dagster_k8s_job(
        DagsterK8sJobConfig(job_image=image, dagster_home="/opt/dagster"), ["run"], "run", context.run_k8s_config
    )
    (container,) = job.spec.template.spec.containers
    assert container.image == "registry.example/plimsoll:0.1.0"
    assert container.resources.limits == {"memory": "8Gi"}
    # As measured in docs/scaling.md: workers of one core.
    assert container.resources.requests == {"cpu": "1", "memory": "4Gi"}
    # The user of the image is not root, and the root of a new volume is root's: both kinds of pods get it as a group.
    (user,) = re.findall(r"^USER (\d+)$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert deployment["podSecurityContext"]["fsGroup"] == job.spec.template.spec.security_context.fs_group == int(user)
    assert [source.secret_ref.name for source in container.env_from] == ["plimsoll-secrets"]
    assert ("home", "/srv/plimsoll") in [(mount.name, mount.mount_path) for mount in container.volume_mounts]
    claims = {volume.name: volume.persistent_volume_claim for volume in job.spec.template.spec.volumes}
    assert claims["home"].claim_name == "plimsoll-home"
    assert job.spec.ttl_seconds_after_finished == 86_400


@pytest.mark.parametrize("name", sorted(path.name for path in DEPLOY.iterdir() if path.name != ".env"))
def test_no_secret_stands_in_a_file(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for variable, said in re.findall(r"(\w*(?:PASSWORD|SECRET|KEY)\w*)[:=][ \t]*(\S*)", text):
        assert said.startswith(("${", "...", "?write")) or not said, f"{name}: {variable}"
