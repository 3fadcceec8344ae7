"""Checks the manual pages and the completions that glow-manual writes.

check_manuals.py BIN MANUALS: BIN has the tools, MANUALS the folders man, bash, zsh and fish.
"""
import argparse
import json
import os
import pathlib
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest


def output(*command, **settings):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, **settings).stdout


def tools():
    """The names of the tools in BIN, with what they print with --help-json."""
    names = sorted(path.name for path in BIN.glob("glow-*") if path.name != "glow-manual")
    assert {"glow-edit", "glow-eval", "glow-import", "glow-sample", "glow-train"} <= set(names), names
    return {name: json.loads(output(BIN / name, "--help-json")) for name in names}


def all_flags(tool):
    """The names of the flags of a tool and of its subcommands."""
    flags = {flag["name"] for flag in tool["flags"]}
    return flags.union(*(all_flags(each) for each in tool["subcommands"]))


def bash(line):
    """The words that bash offers for the last word of the line, which is split as readline splits it."""
    words = [word for word in re.split(r"\s+|(=)", line) if word is not None]
    words = [word for i, word in enumerate(words) if word or i == len(words) - 1]
    script = (
        "compopt() { echo no files; }\n"  # may be called by readline only
        f"source {MANUALS}/bash/{words[0]}\n"
        f"COMP_WORDS=({' '.join(repr(word) for word in words)}) COMP_CWORD={len(words) - 1}\n"
        f"_{words[0].replace('-', '_')}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return output("bash", "-c", script).split("\n")[:-1]


def fish(line):
    """The words that fish offers for the last word of the line."""
    script = f"source {MANUALS}/fish/{line.split()[0]}.fish; complete -C '{line}'"
    with tempfile.TemporaryDirectory() as home:
        printed = output("fish", "--no-config", "-c", script, env={**os.environ, "HOME": home})
    return [each.split("\t")[0] for each in printed.splitlines()]


class Zsh:
    """An interactive zsh."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory()
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.environ.update(HOME=self.home.name, ZDOTDIR=self.home.name, TERM="dumb")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.send(f"fpath=({MANUALS}/zsh $fpath); autoload -U compinit; compinit -u -D\n")

    def send(self, text):
        os.write(self.terminal, text.encode())

    def completed(self, line, expected):
        """Whether the key Tab after `line` completes it to `expected`. Echo shows the line that results."""
        self.send(f"{line}\t\x01echo '<<'\x05'>>'\n")
        seen, end = b"", time.monotonic() + 60
        wanted = f"\n<<{expected}>>".encode()
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 1)[0]:
                seen += os.read(self.terminal, 65536)
            if wanted in seen.replace(b"\r", b""):
                return True
        print(seen.decode(errors="replace"))
        return False

    def close(self):
        self.send("\x03exit\n")
        os.close(self.terminal)
        os.waitpid(self.process, 0)
        self.home.cleanup()


class Manuals(unittest.TestCase):
    def test_manual_pages_name_every_flag(self):
        for name, tool in tools().items():
            page = MANUALS / "man" / f"{name}.1"
            groff = ["groff", "-man", "-ww", "-rLL=110n", "-Tascii", "-P-cbou"]
            run = subprocess.run([*groff, page], capture_output=True, text=True)
            self.assertEqual(run.stderr, "", name)
            for flag in all_flags(tool):
                self.assertRegex(run.stdout, rf"(?m)^ +(-\w, )?--{flag}( |$)", name)

    def test_completions_have_every_flag(self):
        for name, tool in tools().items():
            for each in tool["subcommands"] or [tool]:
                flags = sorted(f"--{flag}" for flag in all_flags(each))
                self.assertEqual(sorted(bash(f"{each['name']} --")), flags)
                self.assertEqual(sorted(fish(f"{each['name']} --")), flags)
                text = (MANUALS / "zsh" / f"_{name}").read_text()
                for flag in flags:
                    self.assertRegex(text, rf"[ ,']{flag}=?(\}}|')", name)

    def test_every_shell_completes(self):
        zsh = Zsh()
        self.addCleanup(zsh.close)
        for line, word in (
            ("glow-train --preset cifar10-", "cifar10-conditional"),
            ("glow-train --dry-run-", "--dry-run-steps"),
            ("glow-train --precision=b", "--precision=bf16"),
            ("glow-sample --columns a", "auto"),
            ("glow-edit enc", "encode"),
            ("glow-edit help enc", "encode"),
            ("glow-edit --vers", "--version"),
            ("glow-edit interpolate --kind sp", "spherical"),
            ("glow-edit interpolate --precision fp6", "fp64"),
        ):
            self.assertEqual(bash(line), [word.removeprefix("--precision=")], line)
            self.assertEqual(fish(line), [word], line)
            self.assertTrue(zsh.completed(line, line.rpartition(" ")[0] + " " + word), line)

    def test_files(self):
        """Words that are neither flags nor values with a list are the names of files; numbers are completed by nothing."""
        self.assertEqual(bash("glow-sample --count "), ["no files", ""])
        self.assertEqual(bash("glow-import --checkpoint "), [""])  # readline completes the name of a file
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "weights.pt").touch()
            self.assertEqual(fish(f"glow-import --checkpoint {folder}/w"), [f"{folder}/weights.pt"])
            zsh = Zsh()
            self.addCleanup(zsh.close)
            line = f"glow-import --checkpoint {folder}/w"
            self.assertTrue(zsh.completed(line, f"{line}eights.pt"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("manuals", type=pathlib.Path)
    arguments = parser.parse_args()
    BIN, MANUALS = arguments.bin, arguments.manuals
    unittest.main(argv=["check_manuals.py"])
