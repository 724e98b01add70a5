"""Small networks whose instructions are counted: what the tables of costs are fitted to."""
