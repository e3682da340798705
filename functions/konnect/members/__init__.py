"""Members of SkillVerse: accounts, public profiles, skills."""
