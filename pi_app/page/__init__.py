"""The page that anyone in the house can use, and the HTTP API under it (docs/page.md, docs/security.md)."""
