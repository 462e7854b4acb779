"""The flights example's plain functions, against the data read by the standard library alone and by hand."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
from collections import Counter, defaultdict
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas import DataFrame, Series

from examples.flights.pipeline import (
    chart_png,
    delay_table,
    delay_with_bounds,
    join_tables,
    name_weather,
    parse_airlines,
    parse_airports,
    parse_flights,
    parse_planes,
    parse_weather,
    raw_data_folder,
    split_departures,
    summary_of,
)

ALL_YEAR = range(1, 13)
THRESHOLDS = {"wet_inches": 0.01, "very_wet_inches": 0.1, "clear_miles": 3.0, "windy_mph": 25.0}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """The flights as text, read without pandas and without the code under test."""
    with zipfile.ZipFile(raw_data_folder() / "flights.csv.zip") as archive:
        return list(csv.DictReader(io.TextIOWrapper(archive.open("flights.csv"), "utf-8")))


@pytest.fixture(scope="module")
def scheduled() -> DataFrame:
    with (raw_data_folder() / "flights.csv.zip").open("rb") as archive:
        return parse_flights(archive)


@pytest.fixture(scope="module")
def weather() -> DataFrame:
    with (raw_data_folder() / "weather.csv").open("rb") as file:
        return parse_weather(file)


@pytest.fixture(scope="module")
def lookups() -> dict[str, DataFrame]:
    folder = raw_data_folder()
    return {
        "carrier": parse_airlines(io.BytesIO((folder / "airlines.csv").read_bytes())),
        "dest": parse_airports(io.BytesIO((folder / "airports.csv").read_bytes())),
        "tailnum": parse_planes(io.BytesIO((folder / "planes.csv").read_bytes())),
    }


@pytest.fixture(scope="module")
def joined(scheduled: DataFrame, weather: DataFrame, lookups: dict[str, DataFrame]) -> DataFrame:
    departures, _ = split_departures(scheduled, ALL_YEAR, 720)
    return join_tables(departures, weather, lookups)


@pytest.fixture(scope="module")
def tables(joined: DataFrame) -> list[DataFrame]:
    by = (joined.airline, joined.hour, name_weather(joined, **THRESHOLDS))
    return [delay_table(joined, each, least) for each, least in zip(by, (100, 1, 1), strict=True)]


# ---- the whole data ----


def test_flights_are_read_whole(scheduled: DataFrame, rows: list[dict[str, str]]) -> None:
    assert len(scheduled) == len(rows) == 336_776
    assert scheduled.carrier.nunique() == 16
    assert scheduled.dep_delay.isna().sum() == 8_255
    assert scheduled.dep_delay.dtype == "Int16"  # whole minutes, though some are missing
    assert (scheduled.dep_delay.min(), scheduled.dep_delay.max()) == (-43, 1301)
    assert scheduled.time_hour[0] == pd.Timestamp("2013-01-01T10:00:00Z")
    assert scheduled.dep_delay.dropna().tolist() == [int(r["dep_delay"]) for r in rows if r["dep_delay"] != "NA"]


def test_lookup_tables_are_read_whole(weather: DataFrame, lookups: dict[str, DataFrame]) -> None:
    assert {key: len(table) for key, table in lookups.items()} == {"carrier": 16, "dest": 1458, "tailnum": 3322}
    assert len(weather) == 26_115
    assert weather.wind_speed.max() < 50  # one station reported 1,048 mph
    assert lookups["tailnum"].built.isna().sum() == 70


def test_join_keeps_every_departure_once_and_in_order(joined: DataFrame, rows: list[dict[str, str]]) -> None:
    kept = [r for r in rows if r["dep_delay"] != "NA" and int(r["dep_delay"]) <= 720]
    assert len(joined) == len(kept) == 328_492
    assert joined.carrier.tolist() == [r["carrier"] for r in kept]
    assert joined.dep_delay.tolist() == [int(r["dep_delay"]) for r in kept]
    assert joined.precip.isna().sum() == 1_528


def test_joined_columns_are_those_of_the_other_files(joined: DataFrame) -> None:
    first = joined.iloc[0]  # UA 1545, 2013-01-01 05:15, EWR to IAH with N14228
    assert (first.airline, first.dest_name, first.built, first.seats) == (
        "United Air Lines",
        "George Bush Intercontinental",
        1999,
        149,
    )
    assert (first.precip, first.visib, first.wind_speed) == pytest.approx((0.0, 10.0, 12.65858))


def test_delays_by_carrier_and_hour_agree_with_the_standard_library(
    tables: list[DataFrame], rows: list[dict[str, str]], lookups: dict[str, DataFrame]
) -> None:
    by_carrier, by_hour = defaultdict(list), defaultdict(list)
    for row in rows:
        if row["dep_delay"] != "NA" and int(row["dep_delay"]) <= 720:
            by_carrier[row["carrier"]].append(int(row["dep_delay"]))
            by_hour[int(row["hour"])].append(int(row["dep_delay"]))
    names: dict[str, str] = dict(lookups["carrier"].to_numpy().tolist())
    expected_carriers = {names[code]: delays for code, delays in by_carrier.items() if len(delays) >= 100}
    for table, expected in ((tables[0], expected_carriers), (tables[1], by_hour)):
        assert table.flights.to_dict() == {group: len(delays) for group, delays in expected.items()}
        assert table.mean_delay.to_dict() == pytest.approx({g: fmean(d) for g, d in expected.items()})
        late = {group: fmean(delay >= 15 for delay in delays) for group, delays in expected.items()}
        assert table.late_share.to_dict() == pytest.approx(late)
    assert len(tables[0]) == 15  # SkyWest has 29 departures


def test_delays_by_weather_agree_with_the_standard_library(tables: list[DataFrame], rows: list[dict[str, str]]) -> None:
    with (raw_data_folder() / "weather.csv").open() as file:
        inches = {(w["origin"], w["time_hour"]): float(w["precip"]) for w in csv.DictReader(file)}
    kinds = Counter[str]()
    for row in rows:
        hour = inches.get((row["origin"], row["time_hour"]))
        if hour is not None and row["dep_delay"] != "NA" and int(row["dep_delay"]) <= 720:
            kinds["Heavy rain or snow" if hour >= 0.1 else "Rain or snow" if hour >= 0.01 else "dry"] += 1
    counts = tables[2].flights.to_dict()
    assert counts["Heavy rain or snow"] == kinds["Heavy rain or snow"]
    assert counts["Rain or snow"] == kinds["Rain or snow"]
    assert counts["Poor visibility"] + counts["Strong wind"] + counts["Fair"] == kinds["dry"]


def test_summary_is_made_of_plain_values(tables: list[DataFrame]) -> None:
    left_out = {"other_months": 0, "cancelled": 8255, "postponed": 29}
    summary = summary_of(tables, left_out)
    assert json.loads(json.dumps(summary)) == summary  # a numpy value is no JSON
    assert summary == {
        "departures": 328_492,
        "left_out": left_out,
        "mean_delay_minutes": 12.56,
        "late_share": 0.2219,
        "worst_carriers": ["ExpressJet Airlines", "Mesa Airlines", "Frontier Airlines"],
        "worst_hours": [19, 20, 21],
        "mean_delay_by_weather": {
            "Fair": 10.99,
            "Heavy rain or snow": 40.41,
            "Poor visibility": 22.66,
            "Rain or snow": 28.47,
            "Strong wind": 15.82,
        },
    }


def test_chart_is_a_png_that_follows_its_config(tables: list[DataFrame]) -> None:
    png = chart_png(tables, 10)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1560, 960)
    assert chart_png(tables, 10) == png
    assert chart_png(tables, 3) != png


# ---- by hand ----


def zipped(members: dict[str, str]) -> io.BytesIO:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, text in members.items():
            writer.writestr(name, text)
    archive.seek(0)
    return archive


def test_the_bounds_of_a_delay_are_where_statistics_have_them_and_the_same_each_time() -> None:
    delays = np.random.default_rng(1).exponential(20, 4000)
    departures = DataFrame({"month": 5, "dep_delay": delays}).astype({"dep_delay": "Float64"})
    table = delay_with_bounds(departures, 500)
    (row,) = table.itertuples()
    assert (row.Index, row.flights, row.mean_delay) == (5, 4000, pytest.approx(delays.mean()))
    half = 1.96 * delays.std() / 4000**0.5
    assert (row.low, row.high) == pytest.approx((delays.mean() - half, delays.mean() + half), abs=0.2 * half)
    assert delay_with_bounds(departures, 500).equals(table)


def flights_frame(**columns: Any) -> DataFrame:
    size = len(next(iter(columns.values())))
    defaults = {"month": 1, "hour": 6, "origin": "JFK", "carrier": "AA", "tailnum": "N1", "dest": "BOS"}
    frame = DataFrame({name: [value] * size for name, value in defaults.items()} | columns)
    frame["time_hour"] = pd.to_datetime(frame.get("time_hour", Series(["2013-01-01T11:00:00Z"] * size)))
    return frame.astype({"dep_delay": "Int16"} if "dep_delay" in columns else {})


def test_shadow_files_in_the_archive_are_passed_over() -> None:
    header = "year,month,day,dep_delay,arr_delay,carrier,tailnum,origin,dest,distance,hour,time_hour\n"
    text = header + "2013,1,1,NA,NA,AA,NA,JFK,BOS,187,6,2013-01-01T11:00:00Z\n"
    archive = zipped({"__MACOSX/._flights.csv": "\0\0Mac OS X", "flights.csv": text, "notes.txt": "x"})
    flights = parse_flights(archive)
    assert len(flights) == 1
    assert flights.dep_delay.isna().all()
    assert flights.tailnum.isna().all()


def test_departures_are_split_by_month_then_cancellation_then_delay() -> None:
    scheduled = flights_frame(month=[2, 1, 1, 1, 2, 1], dep_delay=[500, -5, 61, None, None, 60])
    departures, left_out = split_departures(scheduled, [1], 60)
    assert departures.dep_delay.tolist() == [-5, 60]
    assert departures.dep_delay.dtype == "int16"
    assert departures.index.tolist() == [0, 1]
    assert left_out == {"other_months": 2, "cancelled": 1, "postponed": 1}
    assert sum(left_out.values()) + len(departures) == len(scheduled)


def test_months_without_departures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"months \[13\]"):
        split_departures(flights_frame(dep_delay=[1, 2]), [13], 60)


def test_weather_is_joined_by_airport_and_hour_in_utc() -> None:
    """The hour from 1:00 local time comes twice when summer time ends, so local hours would not do."""
    hours = ["2013-11-03T05:00:00Z", "2013-11-03T06:00:00Z"]
    departures = flights_frame(dep_delay=[1, 2, 3], time_hour=[*hours, hours[0]], origin=["JFK", "JFK", "EWR"])
    weather = DataFrame({"origin": ["JFK", "JFK"], "time_hour": pd.to_datetime(hours), "precip": [0.0, 0.5]})
    joined = join_tables(departures, weather, no_lookups())
    assert joined.precip.fillna(-1).tolist() == [0.0, 0.5, -1]


def test_a_lookup_table_with_a_key_twice_is_refused() -> None:
    twice = no_lookups() | {"carrier": DataFrame({"carrier": ["AA", "AA"], "airline": ["One", "Other"]})}
    weather = DataFrame({"origin": ["JFK"], "time_hour": pd.to_datetime(["2013-01-01T11:00:00Z"]), "precip": [0.0]})
    with pytest.raises(pd.errors.MergeError):
        join_tables(flights_frame(dep_delay=[1]), weather, twice)


def no_lookups() -> dict[str, DataFrame]:
    return {
        "carrier": DataFrame({"carrier": ["ZZ"], "airline": ["Nobody"]}),
        "dest": DataFrame({"dest": ["ZZZ"], "dest_name": ["Nowhere"]}),
        "tailnum": DataFrame({"tailnum": ["N0"], "built": [1999], "seats": [2]}),
    }


def test_an_airline_loses_its_legal_form_only() -> None:
    text = b"carrier,name\nFL,AirTran Airways Corporation\nWN,Southwest Airlines Co.\nMQ,Envoy Air\nXX,Inc. Air\n"
    names = parse_airlines(io.BytesIO(text)).airline.tolist()
    assert names == ["AirTran Airways", "Southwest Airlines", "Envoy Air", "Inc. Air"]


def test_weather_is_named_by_the_worst_that_holds() -> None:
    sky = [  # inches, miles, mph
        (0.1, 0.5, 40.0, "Heavy rain or snow"),
        (0.09, 0.5, 40.0, "Rain or snow"),
        (0.01, 10.0, 0.0, "Rain or snow"),
        (0.0, 2.99, 40.0, "Poor visibility"),
        (0.0, 3.0, 25.0, "Strong wind"),
        (0.0, 10.0, None, "Fair"),
        (None, None, None, None),
    ]
    joined = DataFrame([row[:3] for row in sky], columns=["precip", "visib", "wind_speed"], dtype="float64")
    named = name_weather(joined, **THRESHOLDS)
    assert [None if pd.isna(name) else name for name in named] == [row[3] for row in sky]
    calmer = name_weather(joined, **THRESHOLDS | {"windy_mph": 30.0})
    assert calmer[4] == "Fair"


def test_delay_table_counts_groups_and_leaves_unknown_ones_out() -> None:
    joined = DataFrame({"dep_delay": Series([-10, 14, 15, 30, 99], dtype="int16")})
    by = Series(["a", "a", "b", "b", None], name="group")
    table = delay_table(joined, by)
    assert table.to_dict("index") == {
        "a": {"flights": 2, "mean_delay": 2.0, "late_share": 0.0},
        "b": {"flights": 2, "mean_delay": 22.5, "late_share": 1.0},
    }
    assert delay_table(joined[:3], by[:3], min_flights=2).index.tolist() == ["a"]
    with pytest.raises(ValueError, match="No group has 3 departures"):
        delay_table(joined, by, min_flights=3)
