BEGIN TRANSACTION;
CREATE TABLE asset_events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	asset_key VARCHAR NOT NULL, 
	partition VARCHAR, 
	run_id VARCHAR NOT NULL, 
	timestamp FLOAT NOT NULL, 
	body TEXT NOT NULL
);
INSERT INTO "asset_events" VALUES(1,'["warehouse","étable"]','2026-01','12807bd2-cd9c-4f93-9687-9816bb815763',1.79578950740059638019e+09,'{"error_info":null,"message":"tables - 12807bd2-cd9c-4f93-9687-9816bb815763 - make_table - ASSET_MATERIALIZATION - Made warehouse/étable.","level":10,"user_message":"Made warehouse/étable.","run_id":"12807bd2-cd9c-4f93-9687-9816bb815763","timestamp":1795789507.4005964,"step_key":"make_table","pipeline_name":"tables","dagster_event":{"event_type_value":"ASSET_MATERIALIZATION","pipeline_name":"tables","message":"Made warehouse/étable.","step_key":"make_table","solid_name":"make_table","event_specific_data":{"type":"StepMaterializationData","asset_path":["warehouse","étable"],"description":null,"metadata_entries":[{"label":"rows","description":null,"entry_data":{"type":"int","value":3}}],"partition":"2026-01","tags":{}},"pid":23058}}');
CREATE TABLE assets (
	asset_key VARCHAR NOT NULL, 
	PRIMARY KEY (asset_key)
);
INSERT INTO "assets" VALUES('["warehouse","étable"]');
CREATE TABLE cloudstore_event_index_version (
	version_num VARCHAR(32) NOT NULL, 
	PRIMARY KEY (version_num)
);
INSERT INTO "cloudstore_event_index_version" VALUES('0002');
CREATE TABLE step_output_addresses (
	id INTEGER NOT NULL, 
	pipeline_name VARCHAR NOT NULL, 
	step_key VARCHAR NOT NULL, 
	output_name VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "step_output_addresses" VALUES(1,'tables','make_table','result','fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','/tmp/t/home020/storage/versioned_outputs/make_table/result/fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','12807bd2-cd9c-4f93-9687-9816bb815763');
INSERT INTO "step_output_addresses" VALUES(2,'tables','count','result','377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','/tmp/t/home020/storage/versioned_outputs/count/result/377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','12807bd2-cd9c-4f93-9687-9816bb815763');
CREATE TABLE value_stamps (
	address VARCHAR NOT NULL, 
	stamp VARCHAR NOT NULL, 
	PRIMARY KEY (address)
);
INSERT INTO "value_stamps" VALUES('/tmp/t/home020/storage/versioned_outputs/count/result/377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','37 1795789507404306075 1795789507404322239 2483359');
INSERT INTO "value_stamps" VALUES('/tmp/t/home020/storage/versioned_outputs/make_table/result/fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','54 1795789507400940321 1795789507400964027 2483353');
CREATE TABLE value_uses (
	address VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	PRIMARY KEY (address, run_id)
);
INSERT INTO "value_uses" VALUES('/tmp/t/home020/storage/versioned_outputs/make_table/result/fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','12807bd2-cd9c-4f93-9687-9816bb815763');
INSERT INTO "value_uses" VALUES('/tmp/t/home020/storage/versioned_outputs/count/result/377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','12807bd2-cd9c-4f93-9687-9816bb815763');
INSERT INTO "value_uses" VALUES('/tmp/t/home020/storage/versioned_outputs/make_table/result/fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','aa5ed4a0-bea8-4444-b325-551f248de66a');
INSERT INTO "value_uses" VALUES('/tmp/t/home020/storage/versioned_outputs/count/result/377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','aa5ed4a0-bea8-4444-b325-551f248de66a');
INSERT INTO "value_uses" VALUES('/tmp/t/home020/storage/versioned_outputs/make_table/result/fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','ea26749e-81d8-4da7-8582-c361ebf6e6b9');
INSERT INTO "value_uses" VALUES('/tmp/t/home020/storage/versioned_outputs/count/result/377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','ea26749e-81d8-4da7-8582-c361ebf6e6b9');
CREATE INDEX addresses_by_address ON step_output_addresses (address);
CREATE INDEX addresses_by_version ON step_output_addresses (version, pipeline_name, step_key, output_name, id);
CREATE INDEX value_uses_by_run ON value_uses (run_id);
CREATE INDEX asset_events_by_asset ON asset_events (asset_key, id);
CREATE INDEX asset_events_by_run ON asset_events (run_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('asset_events',1);
COMMIT;
