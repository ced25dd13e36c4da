"""How many threads there are by default."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import openslide
from openslide._cpus import cpu_quota
from openslide.cli import main


def group(root: Path, path: str, **files: str) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_max", ".max").replace("cfs", "cpu.cfs")).write_text(
            content
        )


@pytest.mark.parametrize(
    ("quotas", "quota"),
    [
        ({"": "max 100000"}, None),
        ({"": "150000 100000"}, 1.5),  # a container sees its own group as the root
        ({"jobs/one": "100000 100000"}, 1.0),
        ({"": "400000 100000", "jobs": "200000 100000"}, 2.0),
        ({"jobs": "200000 100000", "jobs/one": "max 100000"}, 2.0),
        ({"jobs/another": "100000 100000"}, None),
        ({"": "what is this"}, None),
        ({"": "100000 0"}, None),
        ({"": ""}, None),
    ],
)
def test_quotas_of_version_2(
    tmp_path: Path, quotas: dict[str, str], quota: float | None
) -> None:
    for path, content in quotas.items():
        group(tmp_path, path, cpu_max=content)
    assert cpu_quota(tmp_path, "0::/jobs/one\n") == quota


@pytest.mark.parametrize(
    ("microseconds", "quota"), [("-1", None), ("300000", 3.0), ("50000", 0.5)]
)
@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct"])
def test_quotas_of_version_1(
    tmp_path: Path, controllers: str, microseconds: str, quota: float | None
) -> None:
    group(
        tmp_path,
        f"{controllers}/jobs",
        cfs_quota_us=microseconds,
        cfs_period_us="100000",
    )
    memberships = f"9:pids:/far\n2:{controllers}:/jobs/one\n0::/../elsewhere\n"
    assert cpu_quota(tmp_path, memberships) == quota
    assert cpu_quota(tmp_path, "9:pids:/jobs\n") is None


@pytest.mark.parametrize(
    ("given", "number"), [("1", 1), ("100000", None), ("0", None), ("half", None)]
)
def test_what_a_batch_system_gives(
    given: str,
    number: int | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("OPENSLIDE_NUM_THREADS", raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    otherwise = openslide.get_num_threads()
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", given)
    assert openslide.get_num_threads() == (number or otherwise)
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    is_told = "threads     1, as SLURM_CPUS_PER_TASK says" in told
    assert is_told == (number is not None and otherwise > 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux has affinities")
def test_affinity_counts_while_the_program_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENSLIDE_NUM_THREADS", raising=False)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert openslide.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, before)
