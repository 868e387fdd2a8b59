"""Real records of the shared data folder, one a line, for `huecry-lake-bench fill --corpus`.

    python3 -m venv venv && venv/bin/pip install pyyaml
    venv/bin/python crates/bench/src/lake/real_corpora.py ../shared/data > corpus.ndjson

A line is {"kind": …, "body": …}: the kind of source, and the record as it is sent, without line breaks.
"""

import json
import sys
import zipfile
from pathlib import Path

import yaml

LOG_TYPES = {"AWS.CloudTrail": "aws_cloudtrail", "Okta.SystemLog": "okta", "GitHub.Audit": "github"}


def out(kind, record):
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    print(json.dumps({"kind": kind, "body": body}, ensure_ascii=False))


def cloudtrail(folder):
    for name in ("stratus-detonation", "stratus-detonation-deleaked", "invictus-aws_dataset"):
        for path in sorted((folder / "cloud-aws" / name).rglob("*.json")):
            file = json.loads(path.read_text())
            for record in file["Records"] if isinstance(file, dict) else file:
                out("aws_cloudtrail", record)


def rule_tests(folder):
    for path in sorted((folder / "detections-panther").rglob("*.yml")):
        rule = yaml.safe_load(path.read_text())
        types = rule.get("LogTypes") or []
        for test in rule.get("Tests") or []:
            log = test.get("Log")
            log = json.loads(log) if isinstance(log, str) else log
            of = (log or {}).get("p_log_type") or (types[0] if len(types) == 1 else None)
            if of in LOG_TYPES and of in types:
                out(LOG_TYPES[of], json.loads(json.dumps(log, default=str)))


def windows(folder):
    for path in sorted((folder / "endpoint-windows").rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json") and not name.startswith("__MACOSX"):
                    for line in archive.read(name).decode().splitlines():
                        if line.strip():
                            out("windows_eventlog", json.loads(line))
    for path in sorted((folder / "endpoint-sigma").rglob("*.json")):
        # one document after another
        text, decoder = path.read_text().strip(), json.JSONDecoder()
        while text:
            record, end = decoder.raw_decode(text)
            text = text[end:].strip()
            for each in record if isinstance(record, list) else [record]:
                out("windows_eventlog", each)


if __name__ == "__main__":
    shared = Path(sys.argv[1])
    cloudtrail(shared)
    rule_tests(shared)
    windows(shared)
