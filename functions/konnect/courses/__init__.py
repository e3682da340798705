"""Courses: written by educators, approved by admins, bought or free, learned at one's own pace."""
