"""Who we are on which panel: from a file of profiles, the environment, a command or the system's keyring."""
