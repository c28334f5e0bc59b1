"""How results leave: for a person as a table, for programs as JSON, lines, CSV, YAML or names."""
