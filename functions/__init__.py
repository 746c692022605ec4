"""The cloud edge: one blueprint for each family of triggers. `turn` is the one path that every callback takes."""
