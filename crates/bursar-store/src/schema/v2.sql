-- When a key was last used, to about a minute.
ALTER TABLE virtual_key ADD COLUMN last_used_at INTEGER;
