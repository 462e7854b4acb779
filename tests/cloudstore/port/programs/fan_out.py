"""A step for each of many things that are known only as it runs, inside a composite."""
from dagster import InputDefinition, List, OutputDefinition, composite_solid, pipeline, solid
from dagster.experimental import DynamicOutput, DynamicOutputDefinition


@solid(output_defs=[DynamicOutputDefinition(str)], config_schema=[str])
def names(context):
    for name in context.solid_config:
        yield DynamicOutput(name, mapping_key=name)


@solid
def shout(_, name: str) -> str:
    return name.upper()


@solid
def exclaim(_, name: str) -> str:
    return name + "!"


@composite_solid(input_defs=[InputDefinition("name", str)], output_defs=[OutputDefinition(str)])
def emphasize(name):
    return exclaim(shout(name))


@solid(input_defs=[InputDefinition("words", List[str])])
def join(_, words):
    print("joined:", ", ".join(sorted(words)))


@pipeline
def greetings():
    join(names().map(shout).collect())


@pipeline
def greeting():
    emphasize(shout())
