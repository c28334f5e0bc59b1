"""What the command line is for a shell: options in any place, its words for the library's, names to complete."""
