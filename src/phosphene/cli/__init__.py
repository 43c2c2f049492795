"""The command line: arguments -> spec -> call -> print; no logic, and the only room that prints."""
