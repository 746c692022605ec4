"""The frame of the HTML pages that commands write: one file that needs nothing from elsewhere, and may run nothing."""

from html import escape
from pathlib import Path
from typing import Final

from dialtone.errors import ConfigurationError

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: {width}; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; }}
text {{ fill: currentColor; font-size: 13px; }}
line {{ stroke: currentColor; stroke-opacity: .3; }}
h1 {{ overflow-wrap: anywhere; }}
.verdict {{ border-left: .3rem solid; padding-left: .7rem; font-weight: bold; }}
.failed {{ border-color: #c62828; }}
.passed {{ border-color: #2e7d32; }}
{style}</style>
<h1>{title}</h1>
{body}
</html>
"""


def html_page(title: str, body: str, *, width: str, style: str = "") -> str:
    """A page. `title` is text; `body` is HTML, whose texts are escaped already; `style` is more CSS."""
    return _PAGE.format(title=escape(title), body=body, width=width, style=style)


def can_be_written(page: Path) -> None:
    """See to a page's folder before the work that it reports on. Raises ConfigurationError where it has no place."""
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.open("ab").close()
    except OSError as error:
        raise ConfigurationError(
            f"{page} cannot be written: {error.strerror}", field="--html", fix="name a file in a folder of yours"
        ) from None
