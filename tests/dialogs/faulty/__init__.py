"""Bots with one fault each, in the line that says `# fault`; tests/dialogs/test_explorer.py finds them."""
