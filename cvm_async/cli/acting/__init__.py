"""What stands around an action: the plan that is agreed to, the signals that end it, the report that is kept."""
