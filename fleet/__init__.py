"""The command line: runs a local fleet, feeds it and looks at it."""
