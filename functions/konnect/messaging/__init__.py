"""Conversations: messages stored before they are acknowledged, what a list shows of them, and read marks."""
