"""What a new user chooses from: 12 interests and 8 goals (specs of Konnect, onboarding). Ids are stored and stay."""

INTERESTS: dict[str, str] = {
    "software-engineering": "Software engineering",
    "data-and-ai": "Data and AI",
    "product-management": "Product management",
    "design": "Design and UX",
    "marketing": "Marketing and growth",
    "sales": "Sales and business development",
    "finance": "Finance and banking",
    "consulting": "Consulting and strategy",
    "human-resources": "Human resources",
    "entrepreneurship": "Entrepreneurship",
    "leadership": "Leadership and management",
    "higher-studies": "Higher studies",
}

GOALS: dict[str, str] = {
    "find-a-job": "Find a job",
    "prepare-for-interviews": "Prepare for interviews",
    "switch-careers": "Switch careers",
    "get-promoted": "Get promoted",
    "learn-a-skill": "Learn a skill",
    "improve-resume": "Improve my résumé and profile",
    "start-a-business": "Start a business",
    "plan-my-career": "Plan my career",
}
