"""A type of its own, with a check, and a loader for run configs."""
from dagster import (
    DagsterType,
    EventMetadataEntry,
    InputDefinition,
    OutputDefinition,
    Selector,
    TypeCheck,
    dagster_type_loader,
    execute_pipeline,
    pipeline,
    solid,
    usable_as_dagster_type,
)


@dagster_type_loader(Selector({"inline": [int], "count": int}))
def load_numbers(_context, config):
    ((how, value),) = config.items()
    return value if how == "inline" else list(range(value))


def check_numbers(_context, value):
    return TypeCheck(
        success=isinstance(value, list) and all(isinstance(each, int) for each in value),
        metadata_entries=[EventMetadataEntry.text(str(len(value)), "length")],
    )


Numbers = DagsterType(check_numbers, name="Numbers", loader=load_numbers, description="Whole numbers.")


@usable_as_dagster_type(name="Total")
class Total:
    def __init__(self, value):
        self.value = value


@solid(input_defs=[InputDefinition("numbers", Numbers)], output_defs=[OutputDefinition(Total)])
def add(_, numbers):
    return Total(sum(numbers))


@solid
def show(_, total: Total):
    print("the total is", total.value)


@pipeline
def totals():
    show(add())


if __name__ == "__main__":
    execute_pipeline(totals, {"solids": {"add": {"inputs": {"numbers": {"inline": [1, 2]}}}}})
