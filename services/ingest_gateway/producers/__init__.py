"""Who may send fares, into which lanes and how many."""
