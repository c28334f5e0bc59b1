"""`python -m benchmarks`: see the package's own words on how to run it and how to read what it finds."""

import argparse
import datetime as dt
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from attrs import evolve

from benchmarks import __doc__ as about_the_suite, machine, report
from benchmarks.findings import Finding
from benchmarks.workloads import WORKLOADS, Workload

HERE = Path(__file__).parent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=about_the_suite,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="everything, smaller: 2 minutes")
    parser.add_argument("--only", metavar="a,b,…", help="some workloads, by their letters")
    parser.add_argument("--list", action="store_true", help="tell which workloads there are")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="the folder to write to")
    parser.add_argument("--publish", action="store_true", help="write to benchmarks/published/<date>/")
    return parser.parse_args()


def _chosen(only: str | None) -> list[Workload]:
    """Give the workloads with these letters.

    Raises:
        SystemExit: There is none with one of them.
    """
    if only is None:
        return list(WORKLOADS)
    wanted = {letter.strip() for letter in only.split(",")}
    unknown = wanted - {workload.key for workload in WORKLOADS}
    if unknown:
        sys.exit(f"no such workload: {', '.join(sorted(unknown))}; --list tells which there are")
    return [workload for workload in WORKLOADS if workload.key in wanted]


def _stop(_number: int, _frame: FrameType | None) -> None:
    # As Ctrl-C does it: servers are stopped by the blocks they were started in.
    raise KeyboardInterrupt


def main() -> None:
    """Measure, and write down what was found, also when it is interrupted."""
    arguments = _arguments()
    if arguments.list:
        print("\n".join(f"{workload.key}  {workload.title}" for workload in WORKLOADS))
        return
    signal.signal(signal.SIGTERM, _stop)
    workloads = _chosen(arguments.only)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    folder: Path = HERE / "published" / today if arguments.publish else arguments.out
    about = {**machine.describe(), "Form": "quick" if arguments.quick else "full"}
    print("\n".join(f"{name}: {value}" for name, value in about.items()), file=sys.stderr)
    began = time.monotonic()
    findings: list[Finding] = []
    try:
        for workload in workloads:
            print(f"({workload.key}) {workload.title} …", file=sys.stderr)
            started = time.monotonic()
            found = evolve(workload.measure(quick=arguments.quick), key=workload.key, title=workload.title)
            findings.append(found)
            print(f"    {time.monotonic() - started:.0f} s", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: what has been found until now is written down", file=sys.stderr)
        sys.exit(130)
    finally:
        about["Took"] = f"{time.monotonic() - began:.0f} s"
        if findings:
            report.write(folder, findings, about)
            print(report.markdown(findings, about))
            print(f"written to {folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
