"""Runs the commands of docs/http.md with a server: check_http_docs.py TOOLS HTTP_MD MODEL"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile


def main():
    tools, page, model = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    start, *commands = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder, "examples/models/fashion-mnist.safetensors")
        place.parent.mkdir(parents=True)
        shutil.copy(model, place)
        environment = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}")
        server = subprocess.Popen(start.replace("8080", "0").split(), cwd=folder, env=environment, text=True,
                                  stdout=subprocess.PIPE)
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline()).group()
            script = "".join(commands).replace("http://127.0.0.1:8080", address)
            done = subprocess.run(["bash", "-e", "-u", "-o", "pipefail", "-c", script], cwd=folder, env=environment,
                                  capture_output=True, text=True)
            assert done.returncode == 0, done
            assert '"levels":2' in done.stdout and "glow_batches_total" in done.stdout, done.stdout
            for name, count in (("encoded.json", 2), ("one.json", 1), ("scores.json", 2)):
                images = json.loads(pathlib.Path(folder, name).read_text())["images"]
                assert len(images) == count and all(image["bits_per_dim"] > 0 for image in images), images
            assert pathlib.Path(folder, "edited.png").read_bytes().startswith(b"\x89PNG")
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=120)
        assert code == 0, code


if __name__ == "__main__":
    main()
