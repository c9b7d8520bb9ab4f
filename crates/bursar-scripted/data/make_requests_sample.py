#!/usr/bin/env python3
"""Makes requests_sample.csv.gz from the full sample of request traces.

Usage: make_requests_sample.py SOURCE.csv.gz [TARGET.csv.gz]

The source has the columns trace, t_s, input_tokens, output_tokens, prefix_blocks. The target holds the same rows
in the same order, as text without a header: a line `#NAME` opens a trace, and every line after it is
`wait_ms,input_tokens,output_tokens[,prefix_blocks]`, where `wait_ms` is the time since the line before it (empty
for 0). Nothing is rounded: the source's times are whole milliseconds. The gzip header carries no time, so the same
source gives the same bytes.
"""

import csv
import gzip
import io
import sys
from decimal import Decimal


def lines(rows):
    trace, last = None, 0
    for row in rows:
        if row["trace"] != trace:
            trace, last = row["trace"], 0
            yield f"#{trace}"
        at = Decimal(row["t_s"]) * 1000
        if at != int(at) or at < last:
            raise SystemExit(f"time {row['t_s']} in {trace} is no whole millisecond, or runs backwards")
        wait, last = int(at) - last, int(at)
        fields = [str(wait) if wait else "", row["input_tokens"], row["output_tokens"]]
        if row["prefix_blocks"]:
            fields.append(row["prefix_blocks"])
        yield ",".join(fields)


def main():
    source = sys.argv[1]
    target = sys.argv[2] if len(sys.argv) > 2 else "requests_sample.csv.gz"
    with gzip.open(source, "rt", newline="") as file:
        text = "\n".join(lines(csv.DictReader(file))) + "\n"
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    with open(target, "wb") as file:
        file.write(packed.getvalue())


main()
