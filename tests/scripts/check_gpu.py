"""Checks scripts/gpu.sh without a GPU: that every command it would run exists in a build and has only flags that its
program knows, and with stand-ins for the programs what it reports of failures, time limits and signals.

python check_gpu.py ROOT BUILD CMAKE
"""

import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MOST_SECONDS = {(): 600, ("--quick",): 180}
OTHER_PROGRAMS = ("nvidia-smi", "nvcc", "grep", "rm", "mkdir", "mv", "bash", "diff")
DEFAULT_BUILD = "build/pypi-release"
HEADING = re.compile(r"== (\w+), at most (\d+) s: .+")


def require(condition, message):
    if not condition:
        sys.exit(f"check_gpu.py: {message}")


def output_of(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    require(done.returncode == 0, f"{shlex.join(map(str, command))} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def documented_stages(script):
    """{stage: (limit, limit with --quick)} of the help text."""
    rows = re.findall(r"^  (\w+) +(\d+) +(\d+)  \S", output_of(script, "--help"), re.MULTILINE)
    return {name: (int(limit), int(quick)) for name, limit, quick in rows}


def dry_run(script, *flags):
    """[(stage, limit, commands)] as --dry-run prints them."""
    stages = []
    for line in output_of(script, "--dry-run", *flags).splitlines():
        heading = HEADING.fullmatch(line)
        if heading:
            stages.append((heading[1], int(heading[2]), []))
        else:
            stages[-1][2].append(shlex.split(line))
    return stages


class Build:
    """The programs of a build, and the flags that they know."""

    def __init__(self, root, folder, cmake):
        self.root, self.folder = root, folder
        self.checked = []
        self.targets = set(re.findall(r"^(\w[\w-]*):", output_of(cmake, "--build", folder, "--target", "help"), re.M))
        self.flags = {}

    def check(self, command):
        command = [word.replace(DEFAULT_BUILD, str(self.folder), 1) for word in command]
        if command[0] == "env":
            command = command[2:]
        if command[0] == "compute-sanitizer":  # its own flags come first
            command = command[next(i for i, word in enumerate(command) if word.startswith(str(self.folder))):]
        program = pathlib.Path(command[0])
        if program.is_relative_to(self.folder):
            require(os.access(program, os.X_OK), f"there is no program {program}")
            self.check_test(command) if program.parent.name == "tests" else self.check_flags(command, "--help-all")
        elif command[0].startswith("scripts/"):
            self.check_flags([str(self.root / command[0]), *command[1:]], "--help")
            targets = set(command[command.index("--target") + 1].split())
            require(targets <= self.targets, f"no targets of the build: {targets - self.targets}")
        else:
            require(command[0] in OTHER_PROGRAMS, f"unexpected: {command}")

    def check_flags(self, command, help_flag):
        program = command[0]
        if program not in self.flags:
            self.flags[program] = set(re.findall(r"--[a-z][\w-]*", output_of(program, help_flag)))
        for word in command[1:]:
            name = word.partition("=")[0]
            require(not word.startswith("--") or name in self.flags[program] | {"--version"},
                    f"{program} has no flag {name}")
        selection = [word for word in command if word.startswith("--benchmark_filter=")]
        if selection and command[0:1] + selection not in self.checked:
            self.checked.append(command[0:1] + selection)
            require(output_of(program, "--benchmark_list_tests", *selection).strip(), f"{selection} selects nothing")

    def check_test(self, command):
        if command in self.checked:
            return
        self.checked.append(command)
        listed = output_of(*command, "--gtest_list_tests")
        needs_gloo = command[1] == "--gtest_filter=Connect.SumsOnADevice"
        require(re.search(r"^  \w", listed, re.M) or (needs_gloo and "bench_scaling" not in self.targets),
                f"{command} selects no test")


def check_dry_runs(script, build):
    stages = documented_stages(script)
    for flags, most in MOST_SECONDS.items():
        printed = dry_run(script, *flags)
        expected = {name: limits[len(flags)] for name, limits in stages.items() if limits[len(flags)] > 0}
        require({name: limit for name, limit, _ in printed} == expected, f"{flags}: {printed} instead of {expected}")
        require(sum(limit for name, limit, _ in printed if name != "build") <= most, f"{flags}: more than {most} s")
        for name, _, commands in printed:
            require(commands, f"{flags}: the stage {name} has no command")
            for command in commands:
                build.check(command)
    selected = [name for name, _, _ in dry_run(script, "--stages", "step,tests")]
    require(selected == ["machine", "tests", "step"], f"--stages step,tests ran {selected}")
    require([name for name, _, _ in dry_run(script, "--stages", "build")] == ["build"], "build needs no other stage")


def outputs_of_benchmarks(build):
    """What bench_step and bench_kernels print on the CPU."""
    tiny = "--image-size 8 --levels 2 --depth 2 --width 8 --batch 2 --rounds 1"
    step = output_of(build / "bin/bench_step", *tiny.split())
    return step, output_of(build / "bin/bench_kernels", "--batch", "1", "--benchmark_min_time=0.001",
                           "--benchmark_filter=product/I:225/O:512|log_abs_det/C:12/")


class StandIns:
    """A copy of the script with stand-ins for the programs of a build and of the CUDA toolkit."""

    def __init__(self, folder, root, step, kernels):
        self.folder, self.report = folder, folder / "report.md"
        shutil.copytree(root / "scripts", folder / "scripts")  # makes the folder
        self.built, self.path = folder / "built", folder / "path"
        self.step = step
        on_gpu = step.replace(", cpu,", ", CUDA graph, cuda:0,") + "launches_of_a_step: 1234\n"
        for name, text in (("step", on_gpu), ("kernels", kernels)):
            (folder / name).write_text(text)
            self.put(f"built/bin/bench_{name}", "[[ $* != *--no-cuda-graph* ]] || removed=' CUDA graph,'\n"
                     f"sed \"s/${{removed:-^}}//\" {folder / name}")
        self.put_train("1")
        for name in ("train", "distributed"):
            self.put(f"built/tests/test_{name}", "echo SumsOnADevice; echo '[  PASSED  ] 7 tests.'")
        self.put("path/nvidia-smi", "echo 'Stand-in, 1 MiB'")
        self.put("path/nvcc", "echo 'release 13.0'")
        self.put("path/compute-sanitizer", 'echo "========= ERROR SUMMARY: 0 errors"; echo "[  PASSED  ] 3 tests."')

    def put(self, name, commands):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{commands}\n")
        path.chmod(0o755)

    def put_train(self, content):
        """Every third new run, which the script stops, waits for that."""
        self.put("built/bin/glow-train", f"""
            while [[ $1 != --out ]]; do shift; done
            mkdir -p "$2" && echo {content} >"$2/model" && echo '"step":5,' >"$2/metrics.jsonl"
            [[ "$*" == *--overwrite* ]] && echo >>{self.folder}/runs || exit 0
            (($(wc -l <{self.folder}/runs) % 3)) || exec sleep 60""")

    def limit(self, stage, seconds):
        script = self.folder / "scripts/gpu.sh"
        text, count = re.subn(rf"(?m)^(#   {stage} +)\d+ +\d+", rf"\g<1>{seconds} {seconds}", script.read_text())
        require(count == 1, f"gpu.sh has no limit of {stage}")
        script.write_text(text)

    def start(self, *flags):
        self.report.unlink(missing_ok=True)
        self.report.with_suffix(".log").unlink(missing_ok=True)
        return self.call("--built", self.built, "--report", self.report, *flags)

    def call(self, *flags):
        environment = {**os.environ, "PATH": f"{self.path}:{os.environ['PATH']}"}
        return subprocess.Popen([self.folder / "scripts/gpu.sh", *flags], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, status, *flags):
        """Runs the script, and returns {stage: result} of the report, its text and the script's errors."""
        process = self.start(*flags)
        out, errors = process.communicate()
        require(process.returncode == status, f"{flags}: {process.returncode} instead of {status}:\n{out}{errors}")
        return self.results(), self.report.read_text(), errors

    def results(self):
        return dict(re.findall(r"^\| (\w+) \|[^|]+\| ([\w ]+) \|[ \d]*\| \d+ \|$", self.report.read_text(), re.M))


def check_success(fakes):
    results, report, errors = fakes.run(0, "--quick")
    require(set(results) == {"machine", "tests", "resume", "step", "products"}, f"{results}\n{report}")
    require(set(results.values()) == {"passed"} and not errors, f"{results}{errors}")
    numbers = [re.search(rf"^{name} +([\d.]+) +[\d.]+ +([\d.]+)$", fakes.step, re.M).groups()
               for name in ("training", "log_prob", "sampling")]
    rates = " | ".join(f"{rate} | {share}" for rate, share in numbers)
    row = rf"\| 64 \| bf16 \| store \| yes \| {re.escape(rates)} \| [\d.]+ MB \| [\d.]+ MB \| 1234 \|"
    require(re.search(row, report), f"the report lacks a row {row}:\n{report}")
    require("| 64 | bf16 | store | no |" in report, report)
    require(re.search(r"\| product \| bf16 \| 64 \| 225 \| 512 \| 4 \| [\d.]+ us \| [\d.]+\w? \|", report), report)
    for text in ("Stand-in, 1 MiB", "release 13.0", "7 tests passed, 0 failed, 0 skipped",
                 "scripts/gpu.sh --built", "`diff --recursive"):
        require(text in report, f"the report lacks {text}:\n{report}")
    require("Stand-in, 1 MiB" in fakes.report.with_suffix(".log").read_text(), "the log lacks the output of a command")


def check_failures(fakes):
    test = fakes.folder / "built/tests/test_train"
    good = test.read_text()
    fakes.put("built/tests/test_train", "echo the reason; echo '[  FAILED  ] 2 tests, listed below:'; exit 1")
    results, report, errors = fakes.run(1, "--stages", "tests,memcheck")
    require(results == {"machine": "passed", "tests": "failed", "memcheck": "passed"}, f"{results}\n{report}")
    require(errors == "gpu.sh: not passed: tests\n" and "    the reason\n" in report, f"{errors}{report}")

    fakes.put("built/tests/test_train", "echo '[  PASSED  ] 0 tests.'; echo '[  SKIPPED ] 3 tests, listed below:'")
    require(fakes.run(1, "--stages", "tests")[0]["tests"] == "failed", "tests that found no GPU have passed")
    test.write_text(good)

    fakes.put_train("$$")
    results, report, _ = fakes.run(1, "--quick", "--stages", "resume")
    require(results["resume"] == "failed" and "run/model and build/gpu/graph/model differ" in report, report)

    fakes.put("path/nvidia-smi", "exit 6")
    results, _, errors = fakes.run(1, "--quick")
    require(results == {"machine": "failed"} and errors == "gpu.sh: not passed: machine\n", f"{results}{errors}")
    fakes.put("path/nvidia-smi", "echo 'Stand-in, 1 MiB'")


def check_largest_batch(fakes):
    fakes.put("built/bin/bench_step", f'[[ "$*" != *"--batch 64 "* ]] || {{ echo "CUDA out of memory."; exit 1; }}\n'
                                      f"cat {fakes.folder / 'step'}")
    results, report, _ = fakes.run(0, "--stages", "celeba")
    require(results["celeba"] == "passed" and report.count("| does not fit |") == 1, f"{results}\n{report}")
    require("| 48 | bf16 | store | yes |" in report and "--batch 32" not in report, report)


def check_time_limit(fakes):
    fakes.limit("products", 1)
    fakes.put("built/bin/bench_kernels", '[[ "$*" != *--batch\\ 64* ]] || sleep 60')
    results, report, errors = fakes.run(1, "--stages", "products,determinants")
    require(results == {"machine": "passed", "products": "timed out", "determinants": "passed"}, f"{results}\n{report}")
    require("| not run |" in report and errors == "gpu.sh: not passed: products\n", f"{errors}{report}")


def check_signal(fakes):
    fakes.put("built/bin/bench_step", '[[ "$*" != *celeba* ]] || sleep 60')
    process = fakes.start("--stages", "tests,celeba")
    deadline = time.monotonic() + 120
    while not (fakes.report.exists() and "celeba-hq-256" in fakes.report.read_text()):
        require(process.poll() is None and time.monotonic() < deadline, "the stage celeba did not begin")
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    require(process.returncode == 143, f"SIGTERM ended the script with {process.returncode}")
    results = fakes.results()
    require(results == {"machine": "passed", "tests": "passed", "celeba": "interrupted"}, f"{results}")


def check_usage(fakes):
    fakes.report.write_text("precious")
    for flags, text in ((("--colour",), "unknown option --colour"), (("--stages", "tests,none"), "--stages none"),
                        (("--minutes", "0"), "--minutes 0"), (("--torch", "debian"), "no CUDA"),
                        (("--built", "none"), "--built none"), (("--prefix", "none"), "--prefix none"),
                        (("--report", fakes.report), "report.md exists")):
        process = fakes.call(*flags)
        out, errors = process.communicate()
        require(process.returncode == 2 and not out and errors.count("\n") == 1 and text in errors,
                f"{flags}: {process.returncode}: {out}{errors}")
    require(fakes.report.read_text() == "precious", "an existing report was changed")


def main():
    root, build, cmake = sys.argv[1:]
    root, build = pathlib.Path(root), pathlib.Path(build)
    outputs = outputs_of_benchmarks(build)
    checks = (check_success, check_failures, check_largest_batch, check_time_limit, check_signal, check_usage)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor() as threads:
        running = [threads.submit(check, StandIns(pathlib.Path(folder) / check.__name__, root, *outputs))
                   for check in checks]
        check_dry_runs(root / "scripts/gpu.sh", Build(root, build, cmake))
        for each in running:
            each.result()


if __name__ == "__main__":
    main()
