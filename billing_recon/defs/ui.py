"""`python -m billing_recon.defs.ui --home DIR`: the Dagster UI of a home, with the recorded runs of its instance."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from billing_recon.defs.calendar import HOME_ENV, home_path
from billing_recon.defs.instance import embedded_home, state_path

HOST, PORT = "127.0.0.1", 3000


def free_port(wanted: int) -> int:
    """`wanted`, or the next free port."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise SystemExit(f"no free port from {wanted} to {wanted + 99}; give one with --port")


def command(home: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of the UI."""
    environment = dict(os.environ)
    environment[HOME_ENV] = str(home.absolute())
    environment.setdefault("DAGSTER_HOME", str(embedded_home(state_path(home.absolute()))))
    program = [sys.executable, "-m", "dagster", "dev", "-m", "billing_recon.definitions", "-h", HOST, "-p", str(port)]
    return program, environment


def main(arguments: list[str] | None = None) -> None:
    """Start the UI; return when it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m billing_recon.defs.ui", description=__doc__)
    parser.add_argument("--home", type=Path, default=home_path(), help="the company's home")
    parser.add_argument("--port", type=int, default=PORT)
    options = parser.parse_args(arguments)
    if not (options.home / "company.yaml").is_file():
        raise SystemExit(f"there is no company at {options.home}; try: make demo")
    port = free_port(options.port)
    program, environment = command(options.home, port)
    print(f"Starting the Dagster UI of {options.home} at http://{HOST}:{port} (stop it with Ctrl-C)", flush=True)
    os.execve(program[0], program, environment)


if __name__ == "__main__":
    main()
