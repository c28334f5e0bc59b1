"""The tools that act: a plan is shown, agreed to by the client's user, and applied once. There without power: none."""
