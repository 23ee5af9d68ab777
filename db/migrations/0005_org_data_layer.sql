ALTER TABLE environments ADD COLUMN org_data_layer TEXT;
