ALTER TABLE environments ADD COLUMN profiles TEXT NOT NULL DEFAULT '{}';
ALTER TABLE environments ADD COLUMN profile_shard_map TEXT;
ALTER TABLE integrations ADD COLUMN profile_events TEXT;
