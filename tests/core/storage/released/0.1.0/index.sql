BEGIN TRANSACTION;
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
INSERT INTO "step_output_addresses" VALUES(1,'tables','make_table','result','fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','/tmp/t/home010/storage/versioned_outputs/make_table/result/fa8b5c19ae4bb4a9beb4f069584ae3dd337fbb88bcdec73ad5808ecf4b84b058','85ac260a-7aa7-4a75-92fb-6cc85e517cc0');
INSERT INTO "step_output_addresses" VALUES(2,'tables','count','result','377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','/tmp/t/home010/storage/versioned_outputs/count/result/377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37','85ac260a-7aa7-4a75-92fb-6cc85e517cc0');
CREATE INDEX addresses_by_version ON step_output_addresses (version, pipeline_name, step_key, output_name, id);
CREATE INDEX ix_step_output_addresses_run_id ON step_output_addresses (run_id);
COMMIT;
