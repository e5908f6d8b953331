"""Real parts for the contract suites: started here, stopped here, named when they start."""
