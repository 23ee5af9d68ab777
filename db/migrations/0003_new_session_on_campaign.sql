ALTER TABLE environments ADD COLUMN new_session_on_campaign INTEGER NOT NULL DEFAULT 0;
