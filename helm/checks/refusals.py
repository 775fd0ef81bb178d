"""Bad value sets, and what one changed value does."""

import pathlib
import re

from .tally import check, template, values_of


def check_bad(path: pathlib.Path) -> None:
    """A bad set is refused with the message in its first lines; where the schema says it, the templates say it too (`words`)."""
    head = dict(re.findall(r"^# (base|wanted|words): (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    base = [] if head["base"] == "none" else [values_of(head["base"])]
    for wanted, more in ((head["wanted"], []), (head.get("words"), ["--skip-schema-validation"])):
        if wanted:
            made = template([*base, path], *more)
            said = " ".join(made.stderr.split())
            check(
                f"{path.stem} is refused{' without the schema' if more else ''}",
                "" if made.returncode and wanted in said else f"wanted {wanted!r} in: exit {made.returncode}, {said}",
            )
