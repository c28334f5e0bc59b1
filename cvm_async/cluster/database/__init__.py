"""What a cluster keeps on Postgres: runs and their shards, who has a panel, what was sent and what came of it."""
