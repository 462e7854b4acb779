"""`cloudstore run` and `cloudstore runs show` of a pipeline with hooks that raise, and of steps that are run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

HOOKED = """
from core import RetryPolicy, failure_hook, pipeline, solid, success_hook

@success_hook
def tells(context):
    print("telling of", context.step_key)
    raise ValueError("nobody listens")

@failure_hook
def warns(context):
    print("warning of", context.step_key)

@solid(retry_policy=RetryPolicy(max_retries=2))
def counts(context):
    print("attempt", context.retry_number)
    if context.retry_number < 1:
        raise ValueError("too early")
    return 1

@pipeline(hook_defs={tells, warns})
def hooked():
    counts()
"""


def test_a_hook_that_raises_is_told_and_fails_nothing(project: Project) -> None:
    project.write("hooked.py", HOOKED)
    done = project.command("run", "-f", "hooked.py")
    assert done.returncode == 0
    said = "Hook 'tells' of step 'counts' raised: ValueError: nobody listens"
    assert done.stderr.splitlines()[-1] == said
    assert done.stdout.splitlines()[:3] == ["attempt 0", "attempt 1", "telling of counts"]
    run_id = project.run_id(done)
    shown = project.command("runs", "show", run_id)
    assert shown.returncode == 0
    assert said in shown.stdout.splitlines()
    assert 'File "hooked.py", line 7, in tells' in shown.stdout.replace(f"{project.folder}/", "")
    printed = project.command("logs", run_id, "counts")
    assert printed.stdout == "attempt 1\ntelling of counts\n"
    assert project.command("logs", run_id, "counts", "--attempt", "1").stdout == "attempt 0\n"
