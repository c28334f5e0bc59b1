"""`cvm-async check`: one look at a panel that tells what a person who sets things up has to know."""
