"""Evaluates the runs of scripts/compare.sh.

python compare.py result RUN     prints "1.2345 bits/dim" or the reason of a failure; nothing if the run has not ended
python compare.py report DIR     writes results.csv, curves.csv, curves.png, curves.svg and table.md of DIR/runs
"""

import csv
import json
import math
import pathlib
import re
import statistics
import sys

GRID = [f"glow-{permutation}-{coupling}" for coupling in ("additive", "affine")
        for permutation in ("reverse", "shuffle", "conv1x1")]
ANCESTORS = ["nice-dense-logistic", "nice-convolutional", "realnvp"]
STYLES = {"additive": "--", "affine": "-"}


def lines_of(path):
    """The JSON objects of a .jsonl file; lines that are not complete JSON are ignored."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            pass
    return lines


def parameter_count(model):
    """The number of parameters of a model file, from its header."""
    with open(model, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items()
               if name != "__metadata__" and entry["dtype"] == "F32")


class Run:
    def __init__(self, folder):
        self.folder = folder
        self.setting, _, self.seed = folder.name.rpartition("-")
        config = folder / "config.json"
        self.config = json.loads(config.read_text()) if config.is_file() else {}
        failed = folder.with_name(folder.name + ".log") / "failed"
        self.failure = failed.read_text().strip() if failed.is_file() else ""
        self.metrics = lines_of(folder / "metrics.jsonl")
        evaluations = [line for line in self.metrics if "valid_bits_per_dim" in line]
        self.curve = [(line["step"], line["valid_bits_per_dim"]) for line in evaluations
                      if line["valid_bits_per_dim"] is not None]
        self.tests = [line for line in self.metrics if "test_bits_per_dim" in line]

    def has_test(self):
        return self.config.get("images", {}).get("test", 0) > 0

    def has_ended(self):
        if self.failure:
            return True
        steps = self.config.get("resolved", {}).get("steps")
        last = max((line["step"] for line in self.metrics if "valid_bits_per_dim" in line), default=0)
        return steps is not None and last >= steps and (bool(self.tests) or not self.has_test())

    def non_finite(self):
        """Test images without a finite density."""
        return self.tests[-1].get("test_non_finite", 0) if self.tests else 0

    def score(self):
        """Test bits/dim, or the best validation bits/dim without a test split; None if the run failed or has none."""
        if self.failure or self.non_finite():
            return None
        if self.has_test():
            return self.tests[-1]["test_bits_per_dim"] if self.tests else None
        return min((value for _, value in self.curve), default=None)

    def standard_error(self):
        """Standard error of the test score over its images; large if single images dominate it."""
        error = self.tests[-1].get("test_standard_error") if self.tests else None
        return "" if error is None else f"{error:.6f}"

    def seconds(self):
        """Seconds of the run with its evaluations, as timing.jsonl has them."""
        return max((line["seconds"] for line in lines_of(self.folder / "timing.jsonl") if "seconds" in line), default=0)

    def parameters(self):
        model = self.folder / "model.safetensors"
        return parameter_count(model) if model.is_file() else ""


def result(folder):
    run = Run(folder)
    if not run.has_ended():
        return
    if run.score() is not None:
        print(f"{run.score():.4f} bits/dim")
    else:
        print(run.failure or f"{run.non_finite()} images without a finite density")


def write_csv(path, heading, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        writer.writerows(rows)


def by_setting(runs):
    groups = {}
    for run in runs:
        groups.setdefault(run.setting, []).append(run)
    return groups


def value_text(runs):
    """Mean and standard deviation over the seeds, as text."""
    scores = [run.score() for run in runs if run.score() is not None]
    text = "-"
    if scores:
        text = f"{statistics.mean(scores):.3f}"
    if len(scores) > 1:
        text += f" ± {statistics.stdev(scores):.3f}"
    lost = len(runs) - len(scores)
    return text + (f" ({lost} of {len(runs)} runs failed)" if lost else "")


def table(groups):
    def cell(setting):
        return value_text(groups[setting]) if setting in groups else "-"

    lines = ["| Glow's permutation | additive | affine |", "|---|---|---|"]
    for permutation in ("reverse", "shuffle", "conv1x1"):
        cells = " | ".join(cell(f"glow-{permutation}-{coupling}") for coupling in ("additive", "affine"))
        lines.append(f"| {permutation} | {cells} |")
    lines += ["", "| setting | bits/dim | parameters |", "|---|---|---|"]
    others = [name for name in groups if name not in GRID] + [name for name in groups if name == "glow-conv1x1-affine"]
    lines += [f"| {name} | {cell(name)} | {groups[name][0].parameters():,} |" for name in sorted(others)
              if groups[name][0].parameters()]
    seeds = max((len(runs) for runs in groups.values()), default=0)
    has_test = all(run.has_test() for runs in groups.values() for run in runs)
    images = "test images" if has_test else "validation images, the best of the run"
    lines += ["", f"Bits/dim of the {images}; mean ± standard deviation over up to {seeds} seeds; without a deviation, one seed."]
    return "\n".join(lines) + "\n"


def draw_curves(axes, groups, settings):
    """Draws the mean over the seeds, and the range between the lowest and the highest as a shaded area."""
    for setting in settings:
        runs = [run for run in groups.get(setting, []) if run.score() is not None]
        if not runs:
            continue
        steps = [step for step, _ in runs[0].curve]
        values = list(zip(*([value for _, value in run.curve] for run in runs)))
        style = STYLES.get(setting.rpartition("-")[2], "-.")
        means = [statistics.mean(each) for each in values]
        line, = axes.plot(steps[:len(values)], means, style, label=setting, linewidth=1.4)
        axes.fill_between(steps[:len(values)], [min(each) for each in values], [max(each) for each in values],
                          color=line.get_color(), alpha=0.15, linewidth=0)
    axes.set_xlabel("steps (shade: from the lowest seed to the highest)")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize=8)


def draw(groups, folder):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "glow"  # the same numbers give the same bytes
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.8), sharex=True)
    studies = sorted(name for name in groups if name.startswith(("depth", "levels")))
    others = ["glow-conv1x1-affine"] + ANCESTORS + studies
    panels = ((left, GRID, "Glow: permutations and couplings"), (right, others, "NICE, RealNVP, depth"))
    for axes, settings, title in panels:
        draw_curves(axes, groups, settings)
        axes.set_title(title)
        ends = [line.get_ydata()[-1] for line in axes.lines]
        if ends:  # cut off the first evaluations, which would hide the differences
            low, high = min(ends), max(ends)
            margin = max(high - low, 0.02 * low)
            axes.set_ylim(low - 0.1 * margin, high + 0.8 * margin)
    left.set_ylabel("validation bits/dim")
    figure.tight_layout()
    figure.savefig(folder / "curves.png", dpi=110)
    figure.savefig(folder / "curves.svg", metadata={"Date": None})


def report(folder):
    names = re.compile(r".+-\d+")
    runs = [Run(path) for path in sorted((folder / "runs").iterdir()) if path.is_dir() and names.fullmatch(path.name)]
    groups = by_setting(run for run in runs if run.has_ended())
    heading = ["setting", "seed", "steps", "parameters", "bits_per_dim", "standard_error", "non_finite", "seconds",
               "failure"]
    write_csv(folder / "results.csv", heading,
              [[run.setting, run.seed, max((step for step, _ in run.curve), default=0), run.parameters(),
                "" if run.score() is None else f"{run.score():.6f}", run.standard_error(), run.non_finite(),
                f"{run.seconds():.1f}", run.failure]
               for runs in groups.values() for run in runs])
    write_csv(folder / "curves.csv", ["setting", "seed", "step", "valid_bits_per_dim"],
              [[run.setting, run.seed, step, f"{value:.6f}"] for runs in groups.values() for run in runs
               for step, value in run.curve])
    (folder / "table.md").write_text(table(groups))
    draw(groups, folder)


def main():
    commands = {"result": result, "report": report}
    if len(sys.argv) != 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](pathlib.Path(sys.argv[2]))


if __name__ == "__main__":
    main()
