"""What the parts of the microscope say to each other, as plain data, and what is said in a line. No torch."""
