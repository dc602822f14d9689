"""Exchange rates of a fleet: which are in use, and the change to newer ones while alerts go on firing."""
