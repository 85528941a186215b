"""Seeded histories of many clients against the real server, judged by what was promised to them; see README.md."""
