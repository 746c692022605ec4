"""`python -m bench [NAME ...]`: all tables, or those that are named."""

import sys

from bench import (
    acs,
    callbacks,
    console,
    dialogs,
    explore,
    imports,
    jwt,
    keeping,
    lab,
    media,
    phone,
    prompts,
    soak,
    turn,
)

TABLES = {
    "turn": turn.run,
    "dialogs": dialogs.run,
    "jwt": jwt.run,
    "callbacks": callbacks.run,
    "imports": imports.run,
    "explore": explore.run,
    "lab": lab.run,
    "keeping": keeping.run,
    "media": media.run,
    "soak": soak.run,
    "phone": phone.run,
    "acs": acs.run,
    "prompts": prompts.run,
    "console": console.run,
}

unknown = [name for name in sys.argv[1:] if name not in TABLES]
if unknown:
    sys.exit(f"there is no benchmark named {unknown[0]!r}; there are {', '.join(TABLES)}")
for name in sys.argv[1:] or TABLES:
    TABLES[name]()
