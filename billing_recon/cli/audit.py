"""`audit verify`, `show` and `export`: the chain of every decision, for people and for an auditor's own tools."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from billing_recon.cli.options import MARKUP, HomeOption, open_home
from billing_recon.core.figures import count
from billing_recon.report.terminal import Col, Screen, Table

app = typer.Typer(
    help="Verify, show and export the audit chain of decisions.", no_args_is_help=True, rich_markup_mode=MARKUP
)


@app.command(
    epilog="\b\nExamples:\n  billing-recon audit verify\n  billing-recon audit verify --heads /mnt/other/heads.jsonl"
)
def verify(
    ctx: typer.Context,
    heads: Annotated[
        list[Path] | None, typer.Option("--heads", metavar="FILE", help="A further file with heads of the chain.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Check the whole chain, every decision against it, and the heads that were written outside the database.

    Exit 1 if anything was changed, removed or inserted, the newest events were cut off, or the history was written anew.
    """
    from billing_recon.control.audit_keys import SIGNING_KEY_ENV
    from billing_recon.control.signatures import trusted_public_key
    from billing_recon.day.audit_chain import audit_problems

    opened = open_home(ctx, home)
    problems, agreed = audit_problems(opened, heads or ())
    screen = Screen()
    if problems:
        for problem in problems:
            screen.warn(problem)
        screen.say(
            f"{len(problems)} problem{'s' if len(problems) > 1 else ''}: the audit chain is broken; restore the control "
            "database from a copy, or find who changed it: nothing in this product changes a recorded decision"
        )
        raise typer.Exit(1)
    seq, head = opened.control.audit_head()
    screen.say(
        f"the audit chain is whole: {seq} events, head {head}; {count(agreed, 'head')} outside the database agree"
    )
    if trusted_public_key() is None:
        screen.say(f"heads are not signed: whoever can write them can forge them; set {SIGNING_KEY_ENV} (audit key)")


@app.command(epilog="\b\nExamples:\n  billing-recon audit head --out /mnt/other/heads.jsonl")
def head(
    ctx: typer.Context,
    purpose: Annotated[str, typer.Option("--for", metavar="TEXT", help="What it is written for.")] = "by hand",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A further file to append it to.")] = None,
    home: HomeOption = None,
) -> None:
    """Write the chain's head outside the database, signed if a key is set, time stamped if a service is; close does so by itself."""
    from billing_recon.day.audit_chain import write_head

    made = write_head(open_home(ctx, home), purpose, out)
    stamped = ", time stamped" if made.token else ""
    Screen().say(f"{made.seq} events, head {made.head}, {'signed' if made.signature else 'not signed'}{stamped}")


@app.command(epilog="\b\nExamples:\n  billing-recon audit key")
def key() -> None:
    """Print a new key for BILLING_RECON_AUDIT_KEY or BILLING_RECON_SIGNING_KEY. Keep it outside the home and the database."""
    from billing_recon.control.audit_keys import new_key

    sys.stdout.write(new_key() + "\n")


@app.command(epilog="\b\nExamples:\n  billing-recon audit show --last 20\n  billing-recon audit show --kind sign_offs")
def show(
    ctx: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, help="How many events, the newest last.")] = 50,
    kind: Annotated[str | None, typer.Option("--kind", metavar="TABLE", help="Only decisions of this kind.")] = None,
    home: HomeOption = None,
) -> None:
    """List decisions in the order in which they were made: when, what kind, by whom, about what."""
    table = Table([Col("event", right=True), Col("decided at"), Col("kind"), Col("by"), Col("about", wrap=True)])
    events = [
        (event, content)
        for event in open_home(ctx, home).control.audit_events()
        if kind in (None, (content := json.loads(event.payload))["table"])
    ]
    for event, content in events[-last:]:
        row = content["row"]
        who = row.get("decided_by") or row.get("approver") or row.get("actor") or row.get("run_id") or ""
        about = ", ".join(
            str(row[name])
            for name in (
                "month",
                "partition",
                "name",
                "number",
                "row_id",
                "break_id",
                "verdict",
                "state",
                "verb",
                "reason",
            )
            if row.get(name) not in (None, "")
        )
        table.add(str(event.seq), str(row.get("decided_at", "")), content["table"], str(who), about)
    Screen().table(table)


@app.command(epilog="\b\nExamples:\n  billing-recon audit export --out audit.jsonl")
def export(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The file; default: standard output.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write the chain as JSON lines: each event's payload as it was hashed, the hash before it, and its own.

    A hash is SHA-256 over the previous hash, a line feed and the payload; the first follows 64 zeros. A payload with a
    "key" has an HMAC-SHA256 under that key instead.
    """
    lines = "".join(
        json.dumps(
            {"seq": event.seq, "payload": event.payload, "prev_hash": event.prev_hash, "hash": event.hash},
            ensure_ascii=False,
        )
        + "\n"
        for event in open_home(ctx, home).control.audit_events()
    )
    if out is None:
        sys.stdout.write(lines)
    else:
        out.write_text(lines, encoding="utf-8")
        Screen().say(f"{lines.count(chr(10))} events written to {out}")
