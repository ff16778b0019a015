"""The site's links out of docs/ lead to the repository's files, and its pictures are those that the tests took, if they did."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / ".pictures"
_PICTURE = re.compile(r"<!-- picture ([\w-]+): (.+?) -->")
_OUT = re.compile(r"\]\((?:\.\./)+([\w./-]+)(#[\w-]+)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pictures of .pictures/, which `make docs` lets the browser's tests take."""
    for path in sorted(PICTURES.glob("*.png")):
        files.append(File.generated(config, f"pictures/{path.name}", content=path.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """A file outside docs/ is named, not linked; it must be there. A picture is shown if the tests took it."""
    if page.file.src_uri == "pictures.md":
        found = sorted(path.name for path in PICTURES.glob("*.png"))
        names = {name: name.removesuffix(".png").replace("-", " ") for name in found}
        markdown += "".join(
            f"\n## {words.capitalize()}\n![{words}](pictures/{name})\n" for name, words in names.items()
        )

    def shown(match: re.Match[str]) -> str:
        there = (PICTURES / f"{match[1]}.png").is_file()
        return f"![{match[2]}](pictures/{match[1]}.png)\n" if there else ""

    markdown = _PICTURE.sub(shown, markdown)

    def named(match: re.Match[str]) -> str:
        if not (ROOT / match[1]).exists():
            raise ValueError(f"{page.file.src_uri} links {match[1]}, which is not in the repository")
        return "]" + f" (`{match[1]}`)"

    text = _OUT.sub(named, markdown)
    return re.sub(r"\[([^\[\]]+)\] \(`", r"\1 (`", text)
