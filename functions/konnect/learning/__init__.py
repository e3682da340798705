"""Learning a course: enrolments, the player, progress, quizzes, certificates."""
