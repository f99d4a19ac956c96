"""Teams whose order of speakers is a graph."""
