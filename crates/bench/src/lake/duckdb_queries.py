"""Six investigations of a lake of `huecry-lake-bench fill`, asked of DuckDB over the same files, with the ratios.

    python3 -m venv venv && venv/bin/pip install duckdb
    cargo build --profile bench-release -p huecry-bench
    target/bench-release/huecry-lake-bench fill DIR --events 10000000
    venv/bin/python crates/bench/src/lake/duckdb_queries.py DIR target/bench-release/huecry-lake-bench

What is asked for (an actor, an address and its hour, a session, a text that one record has) is chosen from the
data first. Each question is asked several times in a fresh engine on files that the page cache holds: `first` is
the first time, `then` the mean of the others. CPU, of all threads that there were: DuckDB's as its process counts it;
ours as the kernel counts it for whole processes, one that asks `SELECT 1` taken from one that asks once, and that
from one that asks again and again. Bytes: what DuckDB asks the kernel for (`rchar` of /proc/self/io), what the lake's
own reader counts. DuckDB has one thread, as many as the lake's engine has here, and its cache of file contents is
off: it would answer again without reading.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time

import duckdb


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def read_bytes():
    with open("/proc/self/io") as io:
        return int(io.readline().split()[1])


def connect(folder):
    lake = duckdb.connect()
    lake.execute("SET threads = 1; SET TimeZone = 'UTC'; SET enable_external_file_cache = false")
    files = f"read_parquet('{folder}/region=*/*/*/*.parquet', hive_partitioning = false)"
    lake.execute(f"CREATE VIEW events AS SELECT * FROM {files}")
    return lake


def questions(lake):
    def one(sql):
        return lake.execute(sql).fetchone()

    often = "(SELECT {0} AS v, count(*) AS n FROM events WHERE {0} IS NOT NULL GROUP BY 1)"
    middle = "SELECT v FROM {} WHERE n >= {} ORDER BY n, v LIMIT 1"
    (actor,) = one(middle.format(often.format("actor_user_name"), 200))
    session = one(middle.format(often.format("actor_session_uid"), 10))
    address, hour = one(
        "SELECT src_endpoint_ip, date_trunc('hour', time) FROM events WHERE src_endpoint_ip IS NOT NULL "
        "AND time >= (SELECT min(time) + INTERVAL 45 DAY FROM events) "
        "AND time < (SELECT min(time) + INTERVAL 46 DAY FROM events) "
        "GROUP BY 1, 2 HAVING count(*) >= 3 ORDER BY count(*), 1, 2 LIMIT 1"
    )
    text = one("SELECT event_id, raw FROM events WHERE class_uid = 6003 AND time >= (SELECT min(time) + "
               "INTERVAL 30 DAY FROM events) ORDER BY time, event_id LIMIT 1")[1]
    at = text.index('"eventID"')
    text = text[at:].split('"')[3][4:28]
    week = one("SELECT date_trunc('day', min(time) + INTERVAL 30 DAY), date_trunc('day', min(time) + "
               "INTERVAL 37 DAY) FROM events")
    stamp = "%Y-%m-%d %H:%M:%S"
    between = "time >= TIMESTAMP '{}' AND time < TIMESTAMP '{}'"
    hour = between.format(hour.strftime(stamp), hour.strftime(stamp)[:13] + ":59:59.999")
    week = between.format(week[0].strftime(stamp), week[1].strftime(stamp))
    return [
        ("actor over 90 days", 5, "SELECT time, class_uid, api_operation, src_endpoint_ip FROM events "
         f"WHERE actor_user_name = '{actor}' ORDER BY time, log_offset"),
        ("address in one hour", 5, "SELECT time, actor_user_name, api_operation, status_id FROM events "
         f"WHERE src_endpoint_ip = '{address}' AND {hour} ORDER BY time, log_offset"),
        ("rare process by host", 5, "SELECT process_name, device_hostname, count(*) AS n FROM events "
         "WHERE class_uid = 1007 GROUP BY process_name, device_hostname HAVING count(*) < 3 "
         "ORDER BY n, 1, 2 LIMIT 100"),
        ("top talkers of a week", 5, "SELECT src_endpoint_ip, count(*) AS n, count(DISTINCT actor_user_name) AS "
         f"users FROM events WHERE {week} GROUP BY src_endpoint_ip ORDER BY n DESC, 1 LIMIT 20"),
        ("timeline of a session", 5, "SELECT time, api_service_name, api_operation, status_code, "
         f"src_endpoint_ip FROM events WHERE actor_session_uid = '{session[0] if session else ''}' "
         "ORDER BY time, log_offset"),
        ("free text", 1, f"SELECT time, event_id, actor_user_name FROM events WHERE raw LIKE '%{text}%' "
         "ORDER BY time"),
    ]


def ask(folder, sql, times):
    lake, runs = connect(folder), []
    for _ in range(times):
        cpu, read, began = cpu_s(), read_bytes(), time.monotonic()
        rows = len(lake.execute(sql).fetchall())
        runs.append({"rows": rows, "cpu_s": cpu_s() - cpu, "read_bytes": read_bytes() - read,
                     "wall_s": time.monotonic() - began})
    return runs


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ask_ours(program, folder, sql, times):
    """What was read in each run, and the CPU seconds of the whole process."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([{"name": "it", "sql": sql, "times": times}], file)
        file.flush()
        before = children_cpu_s()
        line = subprocess.check_output([program, "ask", folder, file.name], text=True)
        return json.loads(line)["runs"], children_cpu_s() - before


def ours(program, folder, sql, times):
    least = lambda sql: min(ask_ours(program, folder, sql, 1)[1] for _ in range(3))
    once = least(sql)
    runs, all_s = ask_ours(program, folder, sql, times)
    runs[0]["cpu_s"] = once - least("SELECT 1")
    for run in runs[1:]:
        run["cpu_s"] = (all_s - once) / (times - 1)
    return runs


def main(folder, program):
    asked = questions(connect(folder))
    print(f"{'question':24}{'':7}{'rows':>8} {'CPU s':>8} {'DuckDB':>8} {'ratio':>6} {'MB read':>9} {'DuckDB':>9} {'ratio':>6}")
    for name, times, sql in asked:
        mine, theirs = ours(program, folder, sql, times), ask(folder, sql, times)
        for when, part in (("first", slice(0, 1)), ("then", slice(1, None))):
            a, b = mine[part], theirs[part]
            if not a:
                continue
            mean = lambda runs, key: sum(run[key] for run in runs) / len(runs)
            if a[0]["rows"] != b[0]["rows"]:
                print(f"{name}: {a[0]['rows']} rows here, {b[0]['rows']} rows there")
            cpu, their_cpu = mean(a, "cpu_s"), mean(b, "cpu_s")
            read, their_read = mean(a, "read_bytes"), mean(b, "read_bytes")
            print(f"{name:24}{when:7}{a[0]['rows']:>8} {cpu:>8.3f} {their_cpu:>8.3f} {cpu / their_cpu:>6.2f} "
                  f"{read / 1e6:>9.2f} {their_read / 1e6:>9.2f} {read / max(their_read, 1):>6.2f}", flush=True)
    for name, _, sql in asked:
        print(f"\n{name}: {sql}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
