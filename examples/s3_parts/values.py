"""Values: `versioned_s3_io_manager` keeps them by version, so that a memoized run computes only what changed.

To keep the values of each run separately, use `s3_pickle_io_manager` instead.
"""

import os

from cloudstore import s3_resource, versioned_s3_io_manager
from core import ModeDefinition, SolidExecutionContext, execute_pipeline, pipeline, solid

BUCKET = os.environ.get("S3_BUCKET", "lab")
MEMOIZED = {"dagster/is_memoized_run": "true"}


@solid(version="1")
def count_words() -> dict[str, int]:
    text = "the fox and the hen and the dog"
    return {word: text.split().count(word) for word in text.split()}


@solid(version="1", config_schema={"at_least": int})
def frequent_words(context: SolidExecutionContext, counts: dict[str, int]) -> list[str]:
    return sorted(word for word, count in counts.items() if count >= context.solid_config["at_least"])


@pipeline(
    mode_defs=[ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": versioned_s3_io_manager})], tags=MEMOIZED
)
def words() -> None:
    frequent_words(count_words())


def main() -> None:
    for at_least in (2, 3):
        run_config = {
            "resources": {"io_manager": {"config": {"s3_bucket": BUCKET, "s3_prefix": "examples/values"}}},
            "solids": {"frequent_words": {"config": {"at_least": at_least}}},
        }
        result = execute_pipeline(words, run_config)
        print(f"{result.output_for_solid('frequent_words')}: executed {', '.join(result.executed_step_keys) or 'none'}")


if __name__ == "__main__":
    main()
