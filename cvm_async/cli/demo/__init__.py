"""`cvm-async demo`: the main job on a simulated panel, beside the same poll written by hand."""
