"""What is behind the panel: host nodes and their VPSes, and the time that passes there."""
