"""The six investigations of `lake_queries`, asked of DuckDB over the same files, with the ratios.

    python3 -m venv venv && venv/bin/pip install duckdb
    cargo run --profile bench-release -p huecry-lake --example lake_queries -- make DIR 1000000
    venv/bin/python crates/lake/examples/duckdb_queries.py DIR target/bench-release/examples/lake_queries

CPU: user and system time of the process (getrusage). Bytes: what DuckDB asks the kernel for
(`rchar` of /proc/self/io), what the lake's own reader counts. Both are the mean of five runs on files that the
page cache holds; DuckDB has as many threads as the lake's engine and keeps its objects between runs, as it would.
"""

import json
import resource
import subprocess
import sys
import time

import duckdb

TIMES = 5


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def read_bytes():
    with open("/proc/self/io") as io:
        return int(io.readline().split()[1])


def main(folder, program):
    questions = json.loads(subprocess.check_output([program, "questions"]))
    ours = {}
    for line in subprocess.check_output([program, "ask", folder], text=True).splitlines():
        answer = json.loads(line)
        ours[answer["question"]] = answer
    print(f"{'question':24} {'rows':>7} {'CPU s':>8} {'DuckDB':>8} {'ratio':>6} {'MB read':>9} {'DuckDB':>9} {'ratio':>6}")
    for name, mine in ours.items():
        lake = duckdb.connect()
        lake.execute("SET threads = 1; SET TimeZone = 'UTC'")
        lake.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{folder}/*.parquet')")
        cpu, read, began = cpu_s(), read_bytes(), time.monotonic()
        for _ in range(TIMES):
            rows = lake.execute(questions[name]).fetchall()
        cpu, read = (cpu_s() - cpu) / TIMES, (read_bytes() - read) / TIMES
        if len(rows) != mine["rows"]:
            print(f"{name}: {mine['rows']} rows here, {len(rows)} rows there")
        print(
            f"{name:24} {mine['rows']:>7} {mine['cpu_s']:>8.3f} {cpu:>8.3f} {mine['cpu_s'] / cpu:>6.2f} "
            f"{mine['read_bytes'] / 1e6:>9.2f} {read / 1e6:>9.2f} {mine['read_bytes'] / max(read, 1):>6.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
