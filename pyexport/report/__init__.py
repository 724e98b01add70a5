"""What is drawn and tabulated of an export for people to read."""
