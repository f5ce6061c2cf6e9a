"""What judges: tasks, their loaders, and graders."""
